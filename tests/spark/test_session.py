"""The local session: room for the code that a long run compiles."""


def test_compiled_code_has_the_room_that_java_gives_it_with_both_compilers(spark):
    factory = spark._jvm.java.lang.management.ManagementFactory
    diagnostics = factory.getPlatformMXBean(spark._jvm.java.lang.Class.forName("com.sun.management.HotSpotDiagnosticMXBean"))
    assert diagnostics.getVMOption("TieredStopAtLevel").getValue() == "1"
    assert int(diagnostics.getVMOption("ReservedCodeCacheSize").getValue()) >= 240 << 20
