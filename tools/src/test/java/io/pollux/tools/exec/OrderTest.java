// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.bdev.DiskSpec;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** A target that goes to another program and comes back. */
final class OrderTest {
  private static final Path IMAGE = Path.of("/some where/é=#!\\image");

  @Test
  void whatIsWrittenIsRead() {
    List<TargetSpec> specs =
        List.of(
            TargetSpec.SAMPLE,
            TargetSpec.SAMPLE.withDisk("null"),
            TargetSpec.SAMPLE.withDisk("stripe:chunk=64k,ram,(fault:seed=7,ram)"),
            TargetSpec.SAMPLE.withDisk("null:irqmode=timer,bs=4096").withBare(1L << 40),
            new TargetSpec(
                IMAGE,
                "gfs2",
                null,
                DiskSpec.of("file"),
                OptionalLong.empty(),
                true,
                true,
                "sync,size=4k",
                "completion_nsec=7",
                "error-rate=0.5,volatile-cache",
                false,
                "/a b/é.jar:/c.jar"));
    for (TargetSpec spec : specs) {
      assertThat(Order.read(Order.write(spec))).isEqualTo(spec);
    }
  }

  @Test
  void pathsOfJarsAreAbsolute() {
    TargetSpec spec = Order.read("modules=a.jar:/b.jar");
    assertThat(spec.modules()).isEqualTo("a.jar:/b.jar");
    assertThat(Order.read(Order.write(spec)).modules())
        .isEqualTo(Path.of("a.jar").toAbsolutePath() + ":/b.jar");
  }
}
