// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.sample.SampleImage;
import io.pollux.tools.host.HostDirectory;
import io.pollux.tools.host.HostFiles;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** cp on the sample: what GNU cp does, and what it says where it does otherwise. */
@Timeout(120)
class CpCommandTest {
  private final Path dir;
  private final boolean root = root();

  CpCommandTest(@TempDir Path dir) {
    this.dir = dir;
  }

  private static boolean root() {
    try (HostFiles machine = new HostFiles()) {
      return machine.isRoot();
    }
  }

  private static int mode(Path path) throws IOException {
    return (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
  }

  /** Standard error without progress lines, which appear on a slow host. */
  private static String said(Cli result) {
    return result.err().replaceAll("(?m)^copied .*\n", "");
  }

  private static void assertDone(Cli result) {
    assertThat(said(result)).isEmpty();
    assertThat(result.status()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"xfs", "gfs2"})
  void aHoleOfTerabytesIsNotRead(String fs) throws IOException {
    String file = fs.equals("xfs") ? "/far.dat" : "/far/41";
    Path to = dir.resolve("far");
    long size =
        Long.parseLong(
            Cli.run("stat", "--fs", fs, file).out().replaceAll("(?s).*Size: ([0-9]+).*", "$1"));
    assertThat(size).isGreaterThan(1L << 40);

    Cli result = Cli.run("cp", "--fs", fs, "image:" + file, "host:" + to);

    if (result.status() == 0) {
      assertThat(((Number) Files.getAttribute(to, "unix:size")).longValue()).isEqualTo(size);
    } else { // the host's filesystem does not support files of that size
      assertThat(result.status()).isEqualTo(1);
      assertThat(said(result)).isEqualTo("pollux: " + to + ": File too large\n");
    }
  }

  @Test
  void aHoleStaysAHoleAndTheEndTooAndUnwrittenBlocksBecomeOne() throws IOException {
    for (String name : new String[] {"onlyhole.dat", "holes.dat", "unwritten.dat", "empty"}) {
      Path to = dir.resolve(name);
      assertDone(Cli.run("cp", "image:/" + name, "host:" + to));
      assertThat(to).hasBinaryContent(Cli.run("cat", "/" + name).bytes());
      long disk = blocks(to);
      assertThat(disk).as(name).isLessThanOrEqualTo(Files.size(to) / 512 * 3 / 4);
    }
  }

  private long blocks(Path path) throws IOException {
    try (HostFiles machine = new HostFiles()) {
      return Objects.requireNonNull(
              machine.workingDirectory().status(PathName.of(path.toString()), false))
          .blocks();
    }
  }

  @Test
  void theUpperBitsOfAModeAreKept() throws IOException {
    assumeTrue(root, "only root may give the copies their owners");
    assertDone(Cli.run("cp", "-r", "image:/special", "host:" + dir));
    assertThat(mode(dir.resolve("special/setuid"))).isEqualTo(StatMode.S_IFREG | 04755);
    assertThat(mode(dir.resolve("special/setgid"))).isEqualTo(StatMode.S_IFREG | 02711);
    assertThat(mode(dir.resolve("special/sticky"))).isEqualTo(StatMode.S_IFDIR | 01777);
    assertThat(mode(dir.resolve("special/mode-0"))).isEqualTo(StatMode.S_IFREG);
    assertThat(Files.getAttribute(dir.resolve("special/setuid"), "unix:uid")).isEqualTo(1000);

    Path one = dir.resolve("one");
    // also without -r, and again over the same file
    assertDone(Cli.run("cp", "image:/special/setuid", "host:" + one));
    assertDone(Cli.run("cp", "image:/special/setuid", "host:" + one));
    assertThat(mode(one)).isEqualTo(StatMode.S_IFREG | 04755);
  }

  @Test
  void specialFilesAreMadeWithR() throws IOException {
    Cli result = Cli.run("cp", "-r", "image:/special", "host:" + dir);

    assertThat(mode(dir.resolve("special/fifo"))).isEqualTo(StatMode.S_IFIFO | 0644);
    assertThat(mode(dir.resolve("special/socket"))).isEqualTo(StatMode.S_IFSOCK | 0755);
    if (root) {
      assertDone(result);
      assertThat(mode(dir.resolve("special/null"))).isEqualTo(StatMode.S_IFCHR | 0644);
      assertThat(Files.getAttribute(dir.resolve("special/null"), "unix:rdev")).isEqualTo(0x103L);
      assertThat(mode(dir.resolve("special/block"))).isEqualTo(StatMode.S_IFBLK | 0644);
    } else {
      assertThat(result.status()).isEqualTo(1);
      assertThat(said(result))
          .contains("pollux: " + dir + "/special/null: Operation not permitted\n");
    }
  }

  @Test
  void aPipeIsNotReadWithoutR() {
    Cli result = Cli.run("cp", "image:/special/fifo", "host:" + dir.resolve("fifo"));
    assertThat(said(result)).isEqualTo("pollux: /special/fifo: is a pipe (-r copies it as one)\n");
    assertThat(result.status()).isEqualTo(2);
    assertThat(dir.resolve("fifo")).doesNotExist();
  }

  @Test
  void bytesOfANameAreKept() throws IOException {
    assertDone(Cli.run("cp", "-r", "image:/names", "host:" + dir));
    byte[] name = "not-utf-8-\377\376".getBytes(ISO_8859_1);
    try (HostFiles machine = new HostFiles();
        HostDirectory names =
            machine.workingDirectory().open(PathName.of(dir.resolve("names").toString()), false)) {
      assertThat(names.status(PathName.of(name), false))
          .extracting(FileStatus::size)
          .isEqualTo(12L);
      assertThat(names.status(PathName.of("tab\tand\nnewline"), false))
          .extracting(FileStatus::size)
          .isEqualTo(15L);
      for (String line :
          Cli.run("ls", "/names").out().lines().filter(line -> line.length() > 200).toList()) {
        assertThat(names.status(PathName.of(line), false)).as(line).isNotNull();
      }
      names.remove(PathName.of(name)); // JUnit could not
    }
  }

  /** As the arguments of the process have them. */
  @Test
  void bytesOfANameCanBeAskedFor() throws IOException {
    String name = PathName.of("/names/not-utf-8-\377\376".getBytes(ISO_8859_1)).text();
    assertThat(Cli.run("cat", name).bytes()).hasSize(12);
    assertThat(Cli.run("stat", name).out()).contains("File: /names/not-utf-8-\\xff\\xfe\n");
    assertThat(Cli.run("ls", name).bytes())
        .isEqualTo("/names/not-utf-8-\377\376\n".getBytes(ISO_8859_1));
    String copy = PathName.of((dir + "/copy-\376").getBytes(ISO_8859_1)).text();
    assertDone(Cli.run("cp", "image:" + name, "host:" + copy));
    try (HostFiles machine = new HostFiles()) {
      assertThat(machine.workingDirectory().status(PathName.of(copy), false)).isNotNull();
      machine.workingDirectory().remove(PathName.of(copy));
    }
    assertThat(Cli.run("cat", name + "x").err())
        .isEqualTo("pollux: /names/not-utf-8-\\xff\\xfex: No such file or directory\n");
  }

  @Test
  void withRASymlinkIsCopiedAsOneAndElseFollowed() throws IOException {
    assertDone(
        Cli.run(
            "cp",
            "-r",
            "image:/links/relative",
            "image:/links/dangling",
            "image:/links/to-dir",
            "host:" + dir));
    assertThat(Files.readSymbolicLink(dir.resolve("relative"))).hasToString("../tail.dat");
    assertThat(Files.readSymbolicLink(dir.resolve("dangling"))).hasToString("nowhere");
    assertThat(Files.readSymbolicLink(dir.resolve("to-dir"))).hasToString("../dirs/node");
    assertThat(
            Files.getLastModifiedTime(dir.resolve("relative"), LinkOption.NOFOLLOW_LINKS)
                .toInstant())
        .isEqualTo(Instant.parse("2019-01-15T09:01:01Z"));

    Path file = dir.resolve("file");
    assertDone(Cli.run("cp", "image:/links/relative", "host:" + file));
    assertThat(Files.isSymbolicLink(file)).isFalse();
    assertThat(file).hasSize(12345);
    // in place of the file
    assertDone(Cli.run("cp", "-r", "image:/links/dangling", "host:" + file));
    assertThat(Files.readSymbolicLink(file)).hasToString("nowhere");

    Cli dangling = Cli.run("cp", "image:/links/dangling", "host:" + dir.resolve("other"));
    assertThat(said(dangling)).isEqualTo("pollux: /links/dangling: No such file or directory\n");
    assertThat(dangling.status()).isEqualTo(2);
    Cli directory = Cli.run("cp", "image:/links/to-dir", "host:" + dir.resolve("other"));
    assertThat(said(directory)).isEqualTo("pollux: /links/to-dir: is a directory (-r copies it)\n");
    // a slash follows it
    assertDone(Cli.run("cp", "-r", "image:/links/to-dir/", "host:" + dir.resolve("other")));
    assertThat(dir.resolve("other")).isDirectory();
  }

  @Test
  void aSymlinkOnTheMachineLeadsNowhere() throws IOException {
    Path outside = Files.writeString(dir.resolve("outside"), "kept");
    Path into = dir.resolve("into");
    Files.createDirectories(into.resolve("links"));
    Files.createSymbolicLink(into.resolve("tail.dat"), outside);
    Cli inside = Cli.run("cp", "image:/tail.dat", "host:" + into);
    assertThat(said(inside))
        .isEqualTo("pollux: " + into + "/tail.dat: is a symlink, which is not written through\n");
    assertThat(outside).hasContent("kept");

    // but if it is named, it is what is meant
    assertDone(Cli.run("cp", "image:/size-1", "host:" + into.resolve("tail.dat")));
    assertThat(outside).hasContent("P");
    Path nothing = Files.createSymbolicLink(dir.resolve("nothing"), dir.resolve("nowhere"));
    Cli dangling = Cli.run("cp", "image:/size-1", "host:" + nothing);
    assertThat(said(dangling))
        .isEqualTo(
            "pollux: " + nothing + ": is a symlink to nothing, which is not written through\n");

    Files.delete(into.resolve("links"));
    Files.createSymbolicLink(
        into.resolve("links"), Files.createDirectory(dir.resolve("elsewhere")));
    Cli directory = Cli.run("cp", "-r", "image:/links", "host:" + into);
    assertThat(said(directory)).isEqualTo("pollux: " + into + "/links: File exists\n");
    assertThat(dir.resolve("elsewhere")).isEmptyDirectory();
  }

  @Test
  void oneCopyDoesNotReplaceAnother() {
    Cli twice =
        Cli.run(
            "cp",
            "-r",
            "image:/deep/d01/",
            "image:/size-1",
            "image:/deep/../size-1",
            "image:/deep/d01",
            "host:" + dir);
    assertThat(said(twice))
        .isEqualTo(
            """
            pollux: /deep/../size-1: is given more than once
            pollux: /deep/d01: is given more than once
            """);
    assertThat(twice.status()).isZero();
    assertThat(dir.resolve("d01/d02")).isDirectory();
    Cli result = Cli.run("cp", "-r", "image:/special/socket", "image:/special/.", "host:" + dir);
    assertThat(said(result))
        .contains(
            "pollux: "
                + dir
                + "/socket: was just copied from another path of this name, and is not"
                + " overwritten\n");
    assertThat(result.status()).isEqualTo(1);
    // one is in the other
    assertDone(Cli.run("cp", "-r", "image:/deep", "image:/deep/d01", "host:" + dir));
    assertThat(dir.resolve("deep/d01/d02")).isDirectory();
  }

  @Test
  void theImageIsNotCopiedOver() throws IOException {
    Path image = image();
    byte[] before = Files.readAllBytes(image);
    Cli result = Cli.run("cp", "--image", image.toString(), "image:/main.dat", "host:" + image);
    assertThat(said(result)).isEqualTo("pollux: " + image + ": is the image that is copied from\n");
    assertThat(image).hasBinaryContent(before);
  }

  private Path image() throws IOException {
    Path image = dir.resolve("image");
    var disk = SampleImage.load();
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      file.write(RawMemory.segment(disk.address(), disk.bytes()).asByteBuffer());
    } finally {
      disk.close();
    }
    return image;
  }

  @Test
  void aFullDiskIsSaidInOneLine() {
    assumeTrue(Files.exists(Path.of("/dev/full")), "/dev/full is a full disk");
    Cli result = Cli.run("cp", "image:/main.dat", "host:/dev/full");
    assertThat(said(result)).isEqualTo("pollux: /dev/full: No space left on device\n");
    assertThat(result.status()).isEqualTo(1);
  }

  @Test
  void whatCannotBeReadIsNamedAndWhatWasWrittenStays() throws IOException {
    Path image = image();
    long sector = sectorInside(image);
    Path to = dir.resolve("copies");
    Files.createDirectory(to);
    Cli result =
        Cli.run(
            "cp",
            "--image",
            image.toString(),
            "--disk",
            "ram",
            "--fault",
            "errors=read,error-sectors=" + sector + "-" + (sector + 7),
            "image:/main.dat",
            "image:/size-1",
            "host:" + to);
    assertThat(result.status()).as(result.err()).isEqualTo(1);
    assertThat(said(result)).startsWith("pollux: /main.dat: Input/output error\n");
    assertThat(to.resolve("size-1")).hasContent("P");
    assertThat(Files.size(to.resolve("main.dat"))).isBetween(1L << 20, (16L << 20) - 1);
  }

  /** A sector of the image that holds the middle of the main file. */
  private static long sectorInside(Path image) throws IOException {
    byte[] main = Cli.run("cat").bytes();
    byte[] whole = Files.readAllBytes(image);
    for (int at = 0; at < whole.length; at += 4096) {
      if (Arrays.equals(whole, at, at + 4096, main, 8 << 20, (8 << 20) + 4096)) {
        return at / 512;
      }
    }
    throw new AssertionError("the main file is not in the image");
  }

  @Test
  void anInterruptedCopySaysHowFarItCame() throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/mkfifo")), "mkfifo makes pipes");
    Path pipe = dir.resolve("pipe");
    assertThat(new ProcessBuilder("/usr/bin/mkfifo", pipe.toString()).start().waitFor()).isZero();
    CompletableFuture<Runnable> stop = new CompletableFuture<>();
    CompletableFuture<Long> reader =
        CompletableFuture.supplyAsync(
            () -> {
              try (InputStream from = Files.newInputStream(pipe)) {
                // the first piece is complete once a byte of the second arrives
                long got = from.readNBytes((1 << 20) + 1).length;
                stop.get(60, TimeUnit.SECONDS).run();
                return got + from.readAllBytes().length;
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            });
    Cli result = Cli.run(stop::complete, "cp", "image:/main.dat", "host:" + pipe);
    assertThat(result.status()).isEqualTo(1);
    assertThat(said(result))
        .matches(
            "pollux: cp: interrupted; copied 0 files, 0 B; /main.dat: [0-9.]+ MiB of 16 MiB\n");
    assertThat(reader.get(60, TimeUnit.SECONDS)).isBetween(1L << 20, 16L << 20);
  }

  @Test
  void aCopyToAPipeOrDeviceIsAllBytesWithItsZeroes() {
    assertDone(Cli.run("cp", "image:/onlyhole.dat", "host:/dev/null"));
    assertThat(said(Cli.run("cp", "image:/far.dat", "host:" + dir + "/no/such")))
        .isEqualTo("pollux: " + dir + "/no/such: No such file or directory\n");
  }

  @Test
  void directoriesThatForbidToWriteAreFilledFirstAndTimesSetLast() throws IOException {
    assertDone(Cli.run("cp", "-r", "image:/deep", "host:" + dir.resolve("deep")));
    Path at = dir.resolve("deep");
    for (int i = 0; i < 5; i++) {
      assertThat(Files.getLastModifiedTime(at).toInstant())
          .isEqualTo(Instant.parse("2019-01-15T09:01:01Z"));
      at = at.resolve(String.format(Locale.ROOT, "d%02d", i + 1));
    }
  }

  @Test
  void aTimeThatDoesNotFitIsSaid() {
    Cli result = Cli.run("cp", "-r", "image:/times", "host:" + dir);
    assertThat(result.status()).isZero();
    if (!said(result).isEmpty()) { // XFS can hold it
      assertThat(said(result))
          .matches(
              "pollux: .*/2486-07-02T20:20:24: its time 2486-07-02 20:20:24.000000000 UTC does not"
                  + " fit [^\n"
                  + "]*\n");
    }
  }
}
