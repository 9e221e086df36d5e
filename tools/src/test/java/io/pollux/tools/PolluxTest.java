// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot run says so in one line, with exit status 2; help and version come out with 0. */
class PolluxTest {
  private final Path dir;

  PolluxTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                         | no command",
        "frobnicate                                 | frobnicate",
        "--frobnicate                               | --frobnicate",
        "bench --depht 3                            | did you mean --depth?",
        "bench extra                                | extra",
        "bench --depth many                         | --depth",
        "bench --depth 0                            | --depth",
        "bench --depth 4097                         | --depth",
        "bench --threads 0                          | --threads",
        "bench --batch-submit 0                     | --batch-submit",
        "bench --bs 1000                            | --bs",
        "bench --bs 8M                              | --bs",
        "bench --bs 4q                              | --bs",
        "bench --ios 0                              | --ios",
        "bench --runtime 0                          | --runtime",
        "bench --runtime NaN                        | --runtime",
        "bench --mode sideways                      | --mode",
        "bench --rw trim                            | --rw",
        "bench --polled --irq                       | --polled and --irq",
        "bench --buffered --polled                  | --buffered and --polled",
        "bench --fixed-bufs --mode sync             | --fixed-bufs",
        "bench --sq-poll --mode aio                 | --sq-poll",
        "bench --verify --no-verify                 | --verify and --no-verify",
        "bench --verify --disk null                 | null disk",
        "bench --read-only --rw write               | --read-only",
        "bench --disk file                          | --disk file",
        "bench --size 4M                            | --size",
        "bench --fs none --size 100                 | --size",
        "bench --fs none --size 1M --norecovery     | --norecovery",
        "bench --fs none --size 1M --verify --ios 1 | --verify: /dev/ram0",
        "bench --fs ext4                            | --fs",
        "bench --fs gfs2 --file /nowhere            | /nowhere: No such file or directory",
        "bench --rw write --norecovery              | opened for writing: Read-only file system",
        "bench --file /nowhere                      | /nowhere: No such file or directory",
        "bench --file /dirs                         | /dirs: is neither",
        "bench --file /size-511                     | /size-511",
        "bench --file /holes.dat --verify           | /holes.dat",
        "bench --json /nowhere/result               | /nowhere/result: No such file or directory",
        "table --rounds 0                           | --rounds",
        "table --rounds 1001                        | --rounds",
        "table --runtime 0                          | --runtime",
        "table --runtime NaN                        | --runtime",
        "table --runtime 0.004                      | --runtime: 0.004 is less than a millisecond",
        "table --json /nowhere/result               | /nowhere/result: No such file or directory",
        "table --file /nowhere                      | /nowhere: No such file or directory",
        "table --disk file                          | --disk file",
        "table extra                                | extra",
        "compare --only (                           | --only",
        "compare --only nothing-of-that-name        | --only",
        "ls /nowhere                                | /nowhere: No such file or directory",
        "stat /main.dat/below                       | Not a directory",
        "cat /dirs                                  | /dirs: Is a directory",
        "cat /links/a                               | /links/a: Too many levels of symbolic links",
        "cat /special/fifo                          | /special/fifo",
        "cp                                         | cp --help",
        "cp image:/empty                            | nothing to copy there",
        "cp host:/etc/passwd image:/empty           | --image: is needed",
        "cp /empty host:/tmp                        | /empty",
        "cp image:/dirs host:/nowhere               | -r",
        "cp image:/empty host:/nowhere/at/all       | /nowhere/at/all: No such file or directory",
      })
  void whatCannotRunSaysSoInOneLine(String line, String said) {
    assertOneLine(Cli.run(line.isEmpty() ? new String[0] : line.split(" ", -1)), said);
  }

  /** A path of Java's is text; what is not is refused and not written to under another name. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "table --plot X --runtime 0.01 --rounds 1",
        "bench --json X --ios 1",
        "ls --image X"
      })
  void aPathThatIsNotTextIsRefused(String line) {
    assertOneLine(Cli.run(line.replace("X", dir + "/\udcff").split(" ", -1)), dir + "/\\xff");
    assertThat(dir).isEmptyDirectory();
  }

  private static void assertOneLine(Cli result, String said) {
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).startsWith("pollux: ").contains(said).endsWith("\n").hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "ram", "null"})
  void badImagesAreRefusedInOneLine(String disk) throws IOException {
    Path empty = Files.createFile(dir.resolve("empty"));
    Path junk = Files.write(dir.resolve("junk"), new byte[100_000]);
    Path tiny = Files.write(dir.resolve("tiny"), new byte[1]);

    assertOneLine(
        Cli.run("bench", "--disk", disk, "--image", dir + "/missing"), "No such file or directory");
    assertOneLine(Cli.run("bench", "--disk", disk, "--image", dir.toString()), "is a directory");
    assertOneLine(
        Cli.run("bench", "--disk", disk, "--image", "/dev/null"),
        "neither a file nor a block device");
    assertOneLine(Cli.run("bench", "--disk", disk, "--image", empty.toString()), "is empty");
    assertOneLine(
        Cli.run("ls", "--disk", disk, "--image", junk.toString()), "no filesystem recognised");
    assertOneLine(
        Cli.run("ls", "--disk", disk, "--image", tiny.toString()), "no filesystem recognised");
    assertOneLine(
        Cli.run("cat", "--fs", "xfs", "--disk", disk, "--image", junk.toString()), "no xfs");
  }

  @Test
  void aTruncatedImageIsRefusedInOneLine() throws IOException {
    Path image = SampleFile.unpack(dir.resolve("image"));
    try (var channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
      channel.truncate(1_000_000);
    }
    assertOneLine(Cli.run("ls", "--image", image.toString()), "truncated");
  }

  @Test
  void debugShowsWhereAnErrorCameFrom() {
    Cli result = Cli.run("bench", "--debug", "--image", dir + "/missing");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).contains("\tat io.pollux.tools");
  }

  @Test
  void helpSaysWhatThereIs() {
    assertThat(Cli.run("--help").status()).isZero();
    assertThat(Cli.run("--help").out())
        .contains("bench", "table", "ls", "stat", "cat", "cp", "Exit status");
    for (String command : new String[] {"bench", "table", "ls", "stat", "cat", "cp"}) {
      Cli help = Cli.run(command, "--help");
      assertThat(help.status()).isZero();
      assertThat(help.out())
          .startsWith("Usage: pollux " + command)
          .contains("--image=FILE", "--disk=NAME[:KEY=VALUE,...]");
      assertThat(help.err()).isEmpty();
    }
  }

  @Test
  void versionIsOneLine() {
    assertThat(Cli.run("--version").status()).isZero();
    assertThat(Cli.run("--version").out()).matches("pollux \\S+\n");
  }
}
