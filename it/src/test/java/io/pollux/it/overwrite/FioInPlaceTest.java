// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.ExecRun;
import io.pollux.testkit.Oracles;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * fio, as it comes, writes to a file that is there and reads it back: direct and buffered, through
 * libaio and psync, all at once on parts of the same file. It finds no error, the filesystem's
 * checker finds none, and Linux reads what fio wrote.
 */
@Timeout(900)
final class FioInPlaceTest {
  private static final String FILE = "/main.dat"; // 16 MiB in both samples
  private static final String FIO =
      "fio --thread --group_reporting --verify_state_save=0 --filename=/pollux/main.dat --rw=randrw"
          + " --bs=4k --size=3M --verify=crc32c --verify_fatal=1 --name=a --offset=0"
          + " --ioengine=libaio --iodepth=16 --direct=1 --name=b --offset=4M --ioengine=libaio"
          + " --iodepth=16 --direct=0 --name=c --offset=8M --ioengine=psync --direct=1 --name=d"
          + " --offset=12M --ioengine=psync --direct=0";

  private final Path directory;

  FioInPlaceTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void overXfs() throws Exception {
    LinuxImage.need();
    overwrite(LinuxImage.sample(directory));
  }

  @Test
  void overGfs2() throws Exception {
    Gfs2Image.needLinux();
    overwrite(Gfs2Image.sample(directory));
  }

  private static void overwrite(JudgedImage image) throws Exception {
    Oracles.needPrograms("gcc", "cc");
    Oracles.needPrograms("fio", "fio");
    String target = "--image " + image.file() + " -- ";
    String before = sum(image);
    ExecRun fio = ExecRun.of(target + FIO).succeeded();
    assertThat(fio.out()).contains("err= 0", "Run status group 0");
    assertThat(fio.err()).as("what fio complains of").doesNotContain("fio:", "pollux:");
    String after = sum(image);
    assertThat(after).isNotEqualTo(before);
    image.assertSound();
    assertThat(Objects.requireNonNull(image.seenByLinux(List.of(FILE)).get(FILE)).sum())
        .isEqualTo(after);
    image.assertSound();
  }

  private static String sum(JudgedImage image) throws Exception {
    String line = "--read-only --image " + image.file() + " -- sha256sum /pollux" + FILE;
    return ExecRun.of(line).succeeded().out().substring(0, 64);
  }
}
