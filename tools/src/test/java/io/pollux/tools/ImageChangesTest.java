// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** cp into an image, mkdir, mv and rm, on XFS of our own mkfs. */
@Timeout(120)
final class ImageChangesTest {
  @TempDir private Path directory = Path.of("");
  private String image = "";
  private Path tree = Path.of("");

  @BeforeEach
  void makeImageAndTree() throws IOException {
    image = directory.resolve("image").toString();
    assertThat(Cli.run("mkfs.xfs", "--size", "32M", image).err()).isEmpty();
    tree = directory.resolve("tree");
    Files.createDirectories(tree.resolve("a/b"));
    Files.write(tree.resolve("a/data"), new byte[] {1, 2, 3});
    try (RandomAccessFile sparse = new RandomAccessFile(tree.resolve("sparse").toFile(), "rw")) {
      sparse.seek(5_000_000);
      sparse.write(7);
      sparse.setLength(9_000_001);
    }
    Files.createSymbolicLink(tree.resolve("a/link"), Path.of("../sparse"));
    for (int i = 0; i < 300; i++) {
      Files.writeString(tree.resolve("a/b/name-" + i), "file " + i);
    }
    Files.setPosixFilePermissions(
        tree.resolve("a/data"), PosixFilePermissions.fromString("r-x-w---x"));
    Files.setLastModifiedTime(
        tree.resolve("a/data"), FileTime.from(Instant.parse("1961-02-03T04:05:06.789Z")));
    Files.setLastModifiedTime(
        tree.resolve("a"), FileTime.from(Instant.parse("2033-02-03T04:05:06Z")));
  }

  private Cli run(String command, String... args) {
    return Cli.run(
        Stream.concat(Stream.of(command, "--image", image), Stream.of(args))
            .toArray(String[]::new));
  }

  private void assertDone(String command, String... args) {
    Cli result = run(command, args);
    assertThat(result.err().replaceAll("(?m)^copied .*\n", "")).isEmpty();
    assertThat(result.status()).isZero();
  }

  /** Every file with its type, mode, size, time and content. */
  private static List<String> describe(Path root) throws IOException {
    try (Stream<Path> paths = Files.walk(root)) {
      return paths.map(path -> root.relativize(path) + " " + describeOne(path)).sorted().toList();
    }
  }

  private static String describeOne(Path path) {
    try {
      String attributes =
          Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS)
              + " "
              + Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS);
      return attributes
          + (Files.isSymbolicLink(path)
              ? " " + Files.readSymbolicLink(path)
              : Files.isRegularFile(path) ? " " + Arrays.hashCode(Files.readAllBytes(path)) : "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aTreeComesBackAsItWas() throws IOException {
    assertDone("cp", "-r", "host:" + tree, "image:/");
    assertDone("check");
    Path back = Files.createDirectory(directory.resolve("back"));
    assertDone("cp", "-r", "image:/tree", "host:" + back);
    assertThat(describe(back.resolve("tree"))).isEqualTo(describe(tree));
    String sparse = run("stat", "/tree/sparse").out();
    assertThat(sparse).contains("9000001");
    long blocks = Long.parseLong(sparse.replaceAll("(?s).*Blocks: ([0-9]+).*", "$1"));
    assertThat(blocks).isLessThan(200); // it has holes
  }

  @Test
  void copiesOverWhatIsThereAndRefusesWhatItCannotReplace() throws IOException {
    Path data = tree.resolve("a/data");
    assertDone("cp", "host:" + data, "image:/one");
    Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rw-------"));
    Files.writeString(data, "longer than before");
    assertDone("cp", "host:" + data, "image:/one");
    assertThat(run("cat", "/one").out()).isEqualTo("longer than before");
    assertDone("mkdir", "/a");
    assertDone("mkdir", "/a/data");
    Cli refused = run("cp", "-r", "host:" + data, "image:/a");
    assertThat(refused.err())
        .isEqualTo("pollux: /a/data: is a directory there, which is not written to\n");
    assertThat(refused.status()).isEqualTo(2);
    assertThat(run("cp", "host:" + tree, "image:/").err())
        .isEqualTo("pollux: " + tree + ": is a directory (-r copies it)\n");
    assertThat(run("cp", "host:" + image, "image:/").err())
        .isEqualTo("pollux: " + image + ": is the image that is copied to\n");
    assertDone("check");
  }

  @Test
  void aFullImageIsAFaultAndStaysSound() throws IOException {
    byte[] noise = new byte[40 << 20];
    new Random(1).nextBytes(noise);
    Path big = Files.write(directory.resolve("big"), noise);
    Cli full = run("cp", "host:" + big, "image:/");
    assertThat(full.err().replaceAll("(?m)^copied .*\n", ""))
        .isEqualTo("pollux: /big: No space left on device\n");
    assertThat(full.status()).isEqualTo(1);
    assertDone("check");
    assertDone("rm", "/big");
    assertDone("cp", "host:" + tree.resolve("a/data"), "image:/small");
  }

  @Test
  void namesAreMadeMovedAndRemoved() {
    assertDone("mkdir", "-p", "/x/y/z");
    assertDone("mkdir", "-p", "/x/y/z");
    assertDone("cp", "-r", "host:" + tree, "image:/x/y");
    assertDone("mv", "/x/y/tree/a", "/x/y/tree/sparse", "/x");
    assertDone("mv", "/x/a/data", "/x/moved");
    assertThat(run("ls", "/x").out()).isEqualTo("a\nmoved\nsparse\ny\n");
    assertThat(run("cat", "/x/a/b/name-7").out()).isEqualTo("file 7");
    assertThat(run("mv", "/x", "/x/y").status()).isEqualTo(2);
    assertThat(run("rm", "/x/y").err()).isEqualTo("pollux: /x/y: is a directory (-r removes it)\n");
    assertThat(run("rm", "/none").err()).isEqualTo("pollux: /none: No such file or directory\n");
    assertDone("rm", "-f", "/none");
    assertDone("rm", "-r", "/x");
    assertThat(run("ls").out()).isEmpty();
    assertDone("check");
  }

  @Test
  void mvDoesNotReplaceWhatItHasJustMoved() {
    assertDone("mkdir", "/d");
    for (String name : new String[] {"/one", "/two"}) {
      assertDone("mkdir", name);
      assertDone("cp", "host:" + tree.resolve("a/data"), "image:" + name + "/same");
    }
    Cli moved = run("mv", "/one/same", "/two/same", "/d");
    assertThat(moved.err())
        .isEqualTo("pollux: /two/same: another file of this name was moved there before\n");
    assertThat(moved.status()).isEqualTo(1);
    assertThat(run("ls", "/two").out()).isEqualTo("same\n");
  }

  /** The kernel has files beside the image: /dev, and the mount point /mnt. */
  @Test
  void pathsAndSymlinksStayInTheImage() throws IOException {
    Path links = Files.createDirectory(directory.resolve("links"));
    Files.createSymbolicLink(links.resolve("absolute"), Path.of("/to"));
    Files.createSymbolicLink(links.resolve("up"), Path.of("../../../../to"));
    Files.createSymbolicLink(links.resolve("dev"), Path.of("/dev"));
    Files.createSymbolicLink(links.resolve("fd"), Path.of("/proc/self/fd"));
    assertDone("cp", "-r", "host:" + links, "image:/");
    Files.delete(links.resolve("dev")); // JUnit warns of such links
    Files.delete(links.resolve("fd"));
    assertDone("mkdir", "/to");
    Path data = Files.writeString(directory.resolve("written"), "in the image");
    assertDone("cp", "host:" + data, "image:/links/absolute/1");
    assertDone("cp", "host:" + data, "image:/links/up/2");
    assertDone("cp", "host:" + data, "image:/../../to/3");
    assertDone("cp", "-r", "host:" + data, "image:../to/4");
    assertDone("mkdir", "-p", "/links/absolute/5/../6", "../to/7");
    assertDone("mv", "/links/up/../../to/1", "/../links/absolute/8");
    assertThat(run("ls", "/to").out()).isEqualTo("2\n3\n4\n5\n6\n7\n8\n");
    assertThat(run("ls", "/links/absolute/..").out()).isEqualTo("links\nto\n");
    assertThat(run("cat", "/links/up/../to/8").out()).isEqualTo("in the image");
    assertThat(run("stat", "/../to/2").out()).contains("Size: 12");
    assertDone("cp", "image:/links/absolute/2", "host:" + directory.resolve("out"));
    assertThat(directory.resolve("out")).hasContent("in the image");
    for (String outside : new String[] {"/links/dev", "/links/fd", "/../dev"}) {
      assertThat(run("ls", outside + "/").err())
          .isEqualTo("pollux: " + outside + "/: No such file or directory\n");
    }
    assertDone("rm", "-r", "/links/absolute/5", "/links/up/6", "/../to/7");
    assertThat(run("ls", "/to").out()).isEqualTo("2\n3\n4\n8\n");
    assertDone("check");
  }

  @Test
  void rmWithASlashRemovesNoSymlinkAndNothingBehindIt() throws IOException {
    assertDone("cp", "-r", "host:" + tree, "image:/");
    Path links = Files.createDirectory(directory.resolve("links"));
    Files.createSymbolicLink(links.resolve("dir"), Path.of("../tree"));
    Files.createSymbolicLink(links.resolve("file"), Path.of("../tree/sparse"));
    Files.createSymbolicLink(links.resolve("none"), Path.of("nothing"));
    assertDone("cp", "-r", "host:" + links, "image:/");
    String not = ": Not a directory\n";
    for (String name : new String[] {"/links/dir/", "/links/file/", "/tree/sparse//"}) {
      assertThat(run("rm", name).err()).isEqualTo("pollux: " + name + not);
      assertThat(run("rm", "-r", name).err()).isEqualTo("pollux: " + name + not);
    }
    assertThat(run("rm", "-rf", "/links/dir/").err()).isEqualTo("pollux: /links/dir/" + not);
    assertThat(run("rm", "-r", "/links/none/").status()).isEqualTo(2);
    assertDone("rm", "-rf", "/links/file/", "/tree/sparse/", "/links/none/");
    assertThat(run("ls", "/links").out()).isEqualTo("dir\nfile\nnone\n");
    assertThat(run("ls", "/tree").out()).isEqualTo("a\nsparse\n");
    assertDone("rm", "-r", "/links/dir", "/tree/a/");
    assertThat(run("ls", "/tree").out()).isEqualTo("sparse\n");
  }

  @Test
  void aTreeDeeperThanItsDescriptorsIsCopiedAndRemoved() throws IOException {
    Path at = Files.createDirectory(directory.resolve("deep"));
    for (int i = 0; i < 150; i++) {
      at = Files.createDirectory(at.resolve("d"));
    }
    Files.write(at.resolve("bottom"), "here".getBytes(StandardCharsets.UTF_8));
    assertDone("cp", "-r", "host:" + directory.resolve("deep"), "image:/");
    assertThat(run("cat", "/deep" + "/d".repeat(150) + "/bottom").out()).isEqualTo("here");
    assertDone("rm", "-r", "/deep");
    assertThat(run("ls").out()).isEmpty();
    assertDone("check");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mkdir /x | pollux: --image: is needed: changes of the sample would be lost",
        "mkdir --image I | pollux: mkdir: no PATH is given",
        "rm --image I | pollux: rm: no PATH is given",
        "rm -r --image I / | pollux: /: is not removed; name what is in it",
        "mv --image I /a | pollux: mv: needs a PATH and its new PATH",
        "mv --image I /a /b /c | pollux: /c: is not a directory, and there are several files to"
            + " move",
        "cp --image I image:/a image:/b | pollux: image:/a: is in the image; cp copies between the"
            + " image and the host",
        "cp --image I host:none image:/b | pollux: none: No such file or directory",
        "cp --image I --read-only host:none image:/b | pollux: --read-only: refuses the writes that"
            + " were asked for",
        "cp --image I image:/ | pollux: image:/: nothing to copy there (see pollux cp --help)"
      })
  void refusesInOneLine(String command, String why) {
    Cli refused = Cli.run(command.replace(" I", " " + image).split(" ", -1));
    assertThat(refused.err()).isEqualTo(why + "\n");
    assertThat(refused.status()).isEqualTo(2);
  }
}
