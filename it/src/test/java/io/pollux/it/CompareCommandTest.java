// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Comparisons that need mkfs.xfs and loop devices of the machine. */
@Timeout(150)
class CompareCommandTest {
  @Test
  void manyFilesAndManyExtentsOnAnXfsThatLinuxMade() throws IOException, InterruptedException {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_io");
    Oracles.needLoopMounts("xfs");

    CommandLineRun run =
        CommandLineRun.of(
            "compare", "--here", "--rounds", "1", "--runtime", "1", "--only", "growth: (64 files, XFS|all together, XFS|100 extents)");

    assertThat(run.status()).as(run.err()).isZero();
    List<String> lines = run.out().lines().toList();
    assertThat(lines).hasSize(4);
    assertThat(lines.get(1)).startsWith("growth: 64 files, XFS ").containsPattern(" ns .* one file .* ns .* <= 1\\.20 ");
    assertThat(lines.get(2)).startsWith("growth: all together, XFS ").containsPattern(" ns .* one of each .* ns .* <= 1\\.20 ");
    assertThat(lines.get(3)).startsWith("growth: 100 extents, XFS ").containsPattern(" ns .* one extent .* ns ");
  }
}
