// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland.header;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.uapi.Errno;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** What is in the header comes from layouts and constants: others give another header. */
class CHeaderTest {
  private static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_SHORT.withName("kind"),
              MemoryLayout.paddingLayout(2),
              ValueLayout.JAVA_INT.withName("count"),
              ValueLayout.JAVA_LONG.withName("result"))
          .withName("sample");

  /** Constants in the form that the classes of uapi use. */
  @SuppressWarnings("unused") // by reflection
  public static final class Sample {
    public static final int SAMPLE_FLAG_TWO = 1 << 1;
    public static final int SAMPLE_FLAG_ONE = 1 << 0;
    public static final int SAMPLE_ODD = 3;
    public static final int OTHER = 4;
    static final int SAMPLE_FLAG_HIDDEN = 1 << 2;

    private Sample() {}
  }

  @Test
  void aStructureIsWrittenAsItsLayoutHasIt() {
    assertThat(new CStruct(LAYOUT, "x", "result").text())
        .containsSubsequence(
            "struct x {\n",
            "uint16_t kind;",
            "/* 0 */",
            "uint8_t pad2[2];",
            "/* 2 */",
            "uint32_t count;",
            "/* 4 */",
            "int64_t result;",
            "/* 8 */",
            "};\n",
            "offsetof(struct x, count) == 4",
            "offsetof(struct x, result) == 8",
            "sizeof(struct x) == 16")
        .doesNotContain("uint64_t");
  }

  @Test
  void entriesFollowWhereTheHeaderEnds() {
    assertThat(CStruct.followedBy(LAYOUT, "x", "struct y ys[]").text())
        .containsSubsequence(
            "struct y ys[];", "/* 16 */", "offsetof(struct x, ys) == 16", "sizeof(struct x) == 16");
  }

  @Test
  void aSignNeedsItsField() {
    assertThatThrownBy(() -> new CStruct(LAYOUT, "x", "resutl")).hasMessageContaining("resutl");
  }

  @Test
  void aFieldThatHasNoTypeInCIsRefused() {
    StructLayout nested = MemoryLayout.structLayout(LAYOUT.withName("inner"));

    assertThatThrownBy(() -> new CStruct(nested, "x").text()).hasMessageContaining("no C type");
  }

  @Test
  void constantsAreThoseOfThePrefixByValue() {
    assertThat(CConstants.of(Sample.class, "SAMPLE_FLAG_", CConstants.BIT).macros())
        .containsSubsequence("#define SAMPLE_FLAG_ONE (1 << 0)", "#define SAMPLE_FLAG_TWO (1 << 1)")
        .containsSubsequence("SAMPLE_FLAG_ONE == 1u", "SAMPLE_FLAG_TWO == 2u")
        .doesNotContain("ODD", "OTHER", "HIDDEN");
    assertThat(CConstants.of(Sample.class, "SAMPLE_ODD", CConstants.HEXADECIMAL).macros())
        .contains("SAMPLE_ODD 0x00000003");
    assertThat(
            CConstants.of(Sample.class, "SAMPLE_", CConstants.DECIMAL).enumerationUnless("GUARD"))
        .containsSubsequence("#ifndef GUARD", "SAMPLE_FLAG_ONE = 1,", "SAMPLE_ODD = 3\n", "#endif");
    assertThat(CConstants.calls(Sample.class, "OTHER").macros()).contains("#define __NR_other 4");
  }

  @Test
  void whatIsNoFlagOrNotThereIsRefused() {
    assertThatThrownBy(() -> CConstants.of(Sample.class, "SAMPLE_", CConstants.BIT).macros())
        .hasMessageContaining("not a flag");
    assertThatThrownBy(() -> CConstants.of(Errno.class, "IOCB_", CConstants.DECIMAL))
        .hasMessageContaining("IOCB_");
  }

  @Test
  void allOfTheAbiIsThere() {
    assertThat(CHeader.text())
        .contains(
            "struct pollux_iocb {",
            "struct pollux_io_event {",
            "struct pollux_aio_sigset {",
            "struct aio_iocb_ring {",
            "struct aio_io_event_ring {",
            "struct aio_ring {")
        .contains(
            "__NR_io_setup2 335",
            "__NR_io_ring_enter 336",
            "IOCB_CMD_NOOP = 6",
            "IOCB_FLAG_HIPRI (1 << 2)")
        .contains(
            "IOCTX_FLAG_SQPOLL (1 << 6)",
            "IORING_FLAG_GETEVENTS (1 << 1)",
            "IORING_SQ_NEED_WAKEUP (1 << 0)")
        .contains("RWF_APPEND 0x00000010", "AIO_RING_MAGIC 0xa10a10a1", "wraps to 0");
  }
}
