// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.sample.SampleImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ls, stat, cat and cp on the sample, held against what Linux saw of it. */
class FilesCommandsTest {
  private static final Map<String, String> SUMS = sums();

  private final Path dir;

  FilesCommandsTest(@TempDir Path dir) {
    this.dir = dir;
  }

  /** The recorded sums of the names that need no escaping. */
  private static Map<String, String> sums() {
    try (var list = SampleImage.open("xfs-sample.sha256")) {
      Map<String, String> sums = new HashMap<>();
      new String(list.readAllBytes(), UTF_8)
          .lines()
          .filter(line -> !line.startsWith("\\"))
          .forEach(line -> sums.put(line.substring(66), line.substring(0, 64)));
      return sums;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String sum(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void catWritesWhatLinuxReads() throws NoSuchAlgorithmException {
    String[] names = {
      "main.dat", "fragmented.dat", "holes.dat", "unwritten.dat", "tail.dat", "names/文件系统"
    };
    for (String name : names) {
      Cli result = Cli.run("cat", "/" + name);
      assertThat(result.status()).isZero();
      assertThat(sum(result.bytes())).as(name).isEqualTo(SUMS.get(name));
    }
  }

  @Test
  void catWithoutAPathIsTheMainFile() throws NoSuchAlgorithmException {
    assertThat(sum(Cli.run("cat").bytes())).isEqualTo(SUMS.get("main.dat"));
    assertThat(sum(Cli.run("cat", "--file", "tail.dat").bytes())).isEqualTo(SUMS.get("tail.dat"));
  }

  @Test
  void catGoesOnAfterAPathThatFails() {
    Cli result = Cli.run("cat", "/nowhere", "/size-1");

    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out()).isEqualTo("P");
    assertThat(result.err()).isEqualTo("pollux: /nowhere: No such file or directory\n");
  }

  @Test
  void catOfABareDiskIsTheDisk() {
    Cli result = Cli.run("cat", "--fs", "none", "--disk", "ram", "--size", "1536K");

    assertThat(result.status()).isZero();
    assertThat(result.bytes()).hasSize(1536 << 10).containsOnly(0);
  }

  @Test
  void lsListsEveryNameSorted() {
    Cli result = Cli.run("ls");

    assertThat(result.out().lines())
        .startsWith("deep", "dirs", "empty", "far.dat")
        .contains("main.dat")
        .isSorted();
    assertThat(Cli.run("ls", "/dirs/none").out()).isEmpty();
    assertThat(Cli.run("ls", "/main.dat").out()).isEqualTo("/main.dat\n");
  }

  @Test
  void lsWritesNamesAsTheyAre() {
    assertThat(Cli.run("ls", "/names").bytes()).containsSequence("кириллица\n".getBytes(UTF_8));
    assertThat(Cli.run("ls", "/names").bytes())
        .containsSequence("not-utf-8-\377\376\n".getBytes(ISO_8859_1));
  }

  @Test
  void lsLongIsAligned() {
    Cli result = Cli.run("ls", "-l");

    assertThat(result.out())
        .contains("-rw-r--r-- 1 0 0            16777216 2019-01-15 09:01 main.dat\n");
    assertThat(Cli.run("ls", "-lh", "/main.dat").out()).contains(" 16 MiB ");
    assertThat(Cli.run("ls", "-l", "/links").out())
        .contains(" dangling -> nowhere\n", " relative -> ../tail.dat\n");
  }

  @Test
  void lsRecursiveListsWhatIsBelow() {
    assertThat(Cli.run("ls", "-R", "/dirs/short").out())
        .isEqualTo("/dirs/short:\nd\nl\ns1\ns2\ns3\n\n/dirs/short/d:\n");
    assertThat(Cli.run("ls", "-R").status()).isZero();
  }

  @Test
  void statTellsWhatLinuxTells() {
    assertThat(Cli.run("stat", "/main.dat").out())
        .contains("regular file", "16777216 (16 MiB)", "32768 of 512 bytes", "0644 (-rw-r--r--)")
        .contains("Modified: 2019-01-15 09:01:01.000000000 UTC");
    assertThat(Cli.run("stat", "/times/2486-07-02T20:20:24").out())
        .contains("Modified: 2486-07-02 20:20:24.000000000 UTC");
    assertThat(Cli.run("stat", "/links/relative").out())
        .contains("/links/relative -> ../tail.dat", "symbolic link");
    assertThat(Cli.run("stat", "-L", "/links/relative").out()).contains("regular file", "12345");
  }

  @Test
  void cpBringsContentModeAndTime() throws IOException, NoSuchAlgorithmException {
    Path to = dir.resolve("copy");

    assertThat(Cli.run("cp", "image:/fragmented.dat", "host:" + to))
        .extracting(Cli::status)
        .isEqualTo(0);
    assertThat(sum(Files.readAllBytes(to))).isEqualTo(SUMS.get("fragmented.dat"));
    assertThat(Files.getLastModifiedTime(to).toInstant())
        .isEqualTo(Instant.parse("2019-01-15T09:01:01Z"));
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(to)))
        .isEqualTo("rw-r--r--");
  }

  @Test
  void cpKeepsHoles() throws IOException {
    Path to = dir.resolve("copy");
    Cli.run("cp", "image:/onlyhole.dat", "host:" + to);

    assertThat(to).hasSize(1000001).hasBinaryContent(new byte[1000001]);
  }

  @Test
  void cpRecursiveBringsDirectoriesAndLinks() throws IOException {
    Cli result = Cli.run("cp", "-r", "image:/deep", "image:/links", "host:" + dir);

    // a slow host prints progress
    assertThat(result.err().replaceAll("(?m)^copied .*\n", "")).isEmpty();
    assertThat(result.status()).isZero();
    assertThat(dir.resolve("deep/d01/d02/d03/d04/d05")).isDirectory();
    assertThat(Files.readSymbolicLink(dir.resolve("links/relative"))).hasToString("../tail.dat");
  }

  @Test
  void cpSaysWhatIsInTheWayOfADirectory() throws IOException {
    Path file = Files.createFile(dir.resolve("file"));
    Cli result = Cli.run("cp", "-r", "image:/deep", "host:" + file);
    assertThat(result.err()).isEqualTo("pollux: " + file + ": File exists\n");
    assertThat(result.status()).isEqualTo(2);
  }
}
