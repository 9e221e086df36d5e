// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** A target that goes to another program and comes back. */
final class OrderTest {
  private static final Path IMAGE = Path.of("/some where/é=#!\\image");

  @Test
  void whatIsWrittenIsRead() {
    NullParameters parameters = new NullParameters(IrqMode.TIMER, 7, 9, 2, 3, 4096, true);
    List<TargetSpec> specs =
        List.of(
            TargetSpec.SAMPLE,
            TargetSpec.SAMPLE.withDisk(Disk.NULL),
            new TargetSpec(
                null,
                null,
                null,
                Disk.NULL,
                OptionalLong.empty(),
                false,
                false,
                NullParameters.DEFAULT,
                null,
                false),
            new TargetSpec(
                null,
                Fs.NONE,
                null,
                Disk.NULL,
                OptionalLong.of(1L << 40),
                true,
                false,
                parameters,
                null,
                false),
            new TargetSpec(
                IMAGE,
                Fs.GFS2,
                null,
                Disk.FILE,
                OptionalLong.empty(),
                false,
                true,
                null,
                FaultPlan.parse("error-rate=0.5"),
                false));
    for (TargetSpec spec : specs) {
      assertThat(Order.read(Order.write(spec))).isEqualTo(spec);
    }
  }

  @Test
  void aNullDiskThatNothingWasSaidOfInterrupts() {
    TargetSpec read = Order.read(Order.write(TargetSpec.SAMPLE.withDisk(Disk.NULL)));
    assertThat(read.nullDiskOrDefault().irqmode()).isEqualTo(IrqMode.SOFTIRQ);
  }
}
