// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * QEMU's tools on this kernel: its block layer makes its calls from coroutines, on stacks of their
 * own.
 */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecQemuTest {
  private static final String DEVICE = "--fs none --size 64M -- ";

  private final Path dir;

  ExecQemuTest(@TempDir Path dir) {
    this.dir = dir;
  }

  private Path randomDisk() throws IOException {
    byte[] bytes = new byte[8 << 20];
    new Random(21).nextBytes(bytes);
    return Files.write(dir.resolve("disk.raw"), bytes);
  }

  private static void qemu(String target, String line) throws IOException, InterruptedException {
    Oracles.needPrograms("qemu-utils", "qemu-img", "qemu-io");
    ExecRun run = ExecRun.direct(target + line).succeeded();
    assertThat(run.out() + run.err())
        .as(line)
        .doesNotContainIgnoringCase("error", "fail", "mismatch", "pollux:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-i native",
        "-i threads",
        "-i native -w",
        "-i native -w --flush-interval 64",
        "-i native -s 65536 -d 8"
      })
  void benchesTheBareDevice(String options) throws Exception {
    qemu(DEVICE, "qemu-img bench -f raw -t none -c 2000 " + options + " /pollux/dev/ram0");
  }

  @Test
  void benchesAFileOfTheImage() throws Exception {
    qemu("--read-only -- ", "qemu-img bench -U -f raw -t none -i native -c 2000 /pollux/main.dat");
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "threads"})
  void convertsAndCompares(String aio) throws Exception {
    Path disk = randomDisk();
    Path image = dir.resolve("image");
    Files.write(image, new byte[8 << 20]);
    String target = "--fs none --image " + image + " -- ";
    qemu(
        target, "qemu-img convert -n -f raw -O raw -t none -T none " + disk + " /pollux/dev/file0");
    assertThat(image).hasSameBinaryContentAs(disk);
    qemu(target, "qemu-img compare -T none -f raw -F raw " + disk + " /pollux/dev/file0");
    Path copy = dir.resolve("copy");
    qemu(target, "qemu-img convert -f raw -O raw -m 8 -W -T none /pollux/dev/file0 " + copy);
    assertThat(copy).hasSameBinaryContentAs(disk);
    // a file of the host
    qemu(target, "qemu-img bench -f raw -t none -c 500 -i " + aio + " " + disk);
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "threads"})
  void verifiesPatterns(String aio) throws Exception {
    List<String> line =
        new ArrayList<>(List.of((DEVICE + "qemu-io -f raw -t none -i " + aio).split(" ")));
    for (String command :
        List.of(
            "write -P 0x5a 0 1M",
            "aio_write -P 3 1M 64k",
            "aio_flush",
            "read -P 0x5a 0 1M",
            "read -P 3 1M 64k",
            "writev -P 7 4M 4k 8k 16k",
            "readv -P 7 4M 16k 4k 8k",
            "write -z 0 4k",
            "read -P 0 0 4k",
            "flush")) {
      line.addAll(List.of("-c", command));
    }
    line.add("/pollux/dev/ram0");
    Oracles.needPrograms("qemu-utils", "qemu-io");
    ExecRun run = ExecRun.direct(line).succeeded();
    assertThat(run.out() + run.err())
        .contains("read 1048576/1048576")
        .doesNotContainIgnoringCase("failed", "pollux:");
  }
}
