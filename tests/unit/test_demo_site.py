"""The demo's pages are the same whenever they are made, or its numbers would not be."""

from jobs.demo_site import module_page


def test_a_page_of_a_module_names_no_place_in_memory():
    page = module_page("sched")
    assert page is not None and b"kwargs=&lt;object object&gt;" in page and b" at 0x" not in page
