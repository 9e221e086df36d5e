// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Filesystems in which xfs_repair finds nothing, and neither does the check. */
final class XfsCheckCleanTest {
  @TempDir private Path directory = Path.of("");

  @ParameterizedTest(name = "options: {0}")
  @ValueSource(
      strings = {
        "bsize=1024,agcount=2",
        "bsize=1024,agcount=2,nsize=8192,sparse=0,isize=512",
        "bsize=4096,agcount=1,ssize=4096,isize=1024",
        "rmapbt=0,reflink=0,finobt=0,inobtcount=0,bigtime=0,sparse=0,nrext64=0"
      })
  void findsNothingInWhatLinuxWrote(String options)
      throws IOException, InterruptedException, ErrnoException {
    AgedImage aged = AgedImage.make(directory, 40 << 20, options);
    HostTool.repairFindsNothing(aged.file);
    assertThat(AgedImage.check(aged.file)).isEmpty();
  }

  @ParameterizedTest(name = "options: {0}")
  @ValueSource(strings = {"agcount=4", "agsize=20971520", "bsize=32768,agcount=1"})
  void findsNothingInANewFilesystem(String options) throws IOException, ErrnoException {
    Path image = MadeImage.make(directory.resolve("image"), 128 << 20, options);
    assertThat(AgedImage.check(image)).isEmpty();
  }
}
