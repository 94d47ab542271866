"""All names that reading a page needs, in one table (udfs/page_names.py)."""

from udfs.page_attributes import ATTRIBUTES
from udfs.page_marks import PARTS, PREFIXES, PROPERTIES, ROLES, SECOND_PREFIXES, STYLES, WHOLES
from udfs.page_names import ATTRIBUTE, PART, PREFIX, PROPERTY, REFERENCE, ROLE, SECOND_PREFIX, STYLE, TAG_NAME, WHOLE, names_table
from udfs.page_references import MEANINGS
from udfs.page_tags import TAG_NAMES

NAMES = names_table(
    {
        TAG_NAME: TAG_NAMES,
        ATTRIBUTE: ATTRIBUTES,
        WHOLE: WHOLES,
        PART: PARTS,
        ROLE: ROLES,
        PROPERTY: PROPERTIES,
        PREFIX: PREFIXES,
        SECOND_PREFIX: SECOND_PREFIXES,
        REFERENCE: MEANINGS,
        STYLE: STYLES,
    }
)
