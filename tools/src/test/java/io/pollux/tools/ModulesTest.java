// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Filesystems and disks from jars: --modules, --fs, -o, --disk, mkfs and check. */
@Timeout(120)
class ModulesTest {
  private static Path directory;

  private static String jar;
  private static String image;

  @BeforeAll
  static void build(@TempDir Path given) throws IOException {
    directory = given;
    jar =
        new PluginJar(directory, "toys")
            .fileSystem("Toy", "toyfs")
            .disk("Heap", "heap")
            .build()
            .toString();
    image = directory.resolve("toy.img").toString();
    Cli made = Cli.run("--modules", jar, "mkfs", "--fs", "toyfs", "--image", image, "--size", "1M");
    assertThat(made.err()).isEmpty();
    assertThat(made.status()).isZero();
    assertThat(made.out()).isEmpty();
  }

  private static void assertRefused(Cli run, String sentence) {
    assertThat(run.status()).as(run.err()).isEqualTo(2);
    assertThat(run.err())
        .matches("pollux: [^\n]+: [^\n]+\n")
        .isEqualTo("pollux: " + sentence + "\n");
    assertThat(run.out()).isEmpty();
  }

  // What works.

  @Test
  void aFilesystemFromAJarIsRecognisedAndMounted() {
    Cli listed = Cli.run("--modules", jar, "ls", "--image", image);
    assertThat(listed.out()).isEqualTo("made-by-toyfs\n");
    assertThat(Cli.run("ls", "--modules", jar, "--image", image, "--fs", "toyfs").out())
        .isEqualTo("made-by-toyfs\n");
    assertThat(Cli.run("--modules=" + jar, "ls", "--image", image, "-o", "ro").status()).isZero();
  }

  @Test
  void aJarWithoutAProviderIsALibraryOfTheOthers() throws IOException {
    Path library =
        new PluginJar(directory, "library")
            .source("Words", "package plugin; public class Words { public static int of = 7; }")
            .build();
    Path user =
        new PluginJar(directory, "user")
            .source("Words", "package plugin; public class Words { public static int of; }")
            .source(
                "Worded",
                """
                package plugin;

                import io.pollux.block.bdev.*;
                import io.pollux.core.ErrnoException;
                import io.pollux.core.sched.Task;

                public final class Worded implements DiskType {
                  @Override
                  public String name() {
                    return "worded";
                  }

                  @Override
                  public OpenedDisk open(Task current, DiskParameters parameters)
                      throws ErrnoException {
                    throw new ErrnoException(5, "the library says " + Words.of);
                  }
                }
                """)
            .diskProvider("Worded")
            .without("Words")
            .build();
    for (String jars : new String[] {library + ":" + user, user + ":" + library}) {
      assertRefused(
          Cli.run("--modules", jars, "ls", "--disk", "worded"),
          "--disk worded: the library says 7");
    }
  }

  @Test
  void theFilesystemsOfThisBuildStayThereBesideIt() {
    assertThat(Cli.run("--modules", jar, "ls", "--fs", "gfs2").status()).isZero();
    assertThat(Cli.run("--modules", jar, "ls").status()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          heap                      | heap0, chunk=4096, 0 below
          heap:chunk=64k,ram,ram    | heap0, chunk=65536, 2 below
          heap:(heap:chunk=1k,null) | heap0, chunk=4096, 1 below
          fault:seed=3,heap         | fault0, chunk=4096, 0 below
          """)
  void aDiskFromAJarHasParametersAndLowerDisks(String disk, String described) {
    Cli run = Cli.run("--modules", jar, "bench", "--disk", disk, "--ios", "100");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.out()).contains("(xfs on " + described + ")", "100 blocks, 0 mismatches");
    Cli listed = Cli.run("--modules", jar, "ls", "--disk", disk, "--image", image);
    assertThat(listed.err()).isEmpty();
    assertThat(listed.out()).isEqualTo("made-by-toyfs\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          heap:(heap:ram),null  | heap0 heap1 null0 ram0
          fault:seed=3,heap     | fault0 heap0
          fault:seed=3,ram      | fault0
          """)
  void theLowerDisksAreInDev(String disk, String names) {
    Cli run =
        Cli.run("--modules", jar, "ls", "--fs", "none", "--size", "1M", "--disk", disk, "/dev");
    assertThat(run.err()).isEmpty();
    assertThat(run.out().strip().split("\n")).containsExactlyInAnyOrder(names.split(" "));
  }

  @Test
  void aDiskFromAJarThatWasFilledRefusesWritesLater() {
    String[] words = {"--modules", jar, "bench", "--disk", "heap", "--rw", "write", "-o", "ro"};
    Cli run = Cli.run(words);
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).contains("Read-only file system");
  }

  @Test
  void checkPrintsWhatContradictsAndSaysSoByItsStatus() throws IOException {
    Cli clean = Cli.run("--modules", jar, "check", "--image", image);
    assertThat(clean.status()).as(clean.err()).isZero();
    assertThat(clean.out()).isEmpty();
    String labelled = directory.resolve("labelled.img").toString();
    Files.write(Path.of(labelled), new byte[8192]);
    String[] mkfs = {"mkfs", "--modules", jar, "--fs", "toyfs", "--image", labelled};
    assertThat(Cli.run(withMore(mkfs, "--label", "x")).status()).isZero();
    Cli damaged = Cli.run("--modules", jar, "check", "--image", labelled);
    assertThat(damaged.status()).isEqualTo(1);
    assertThat(damaged.out()).isEqualTo("block 0 has a label\n");
    assertThat(damaged.err()).isEqualTo("pollux: " + labelled + ": is damaged in 1 place\n");
    assertRefused(Cli.run(mkfs), labelled + ": contains a filesystem of type toyfs (--force)");
    assertThat(Cli.run(withMore(mkfs, "--force")).status()).isZero();
    assertThat(Cli.run("--modules", jar, "check", "--image", labelled).status()).isZero();
  }

  private static String[] withMore(String[] words, String... more) {
    String[] all = new String[words.length + more.length];
    System.arraycopy(words, 0, all, 0, words.length);
    System.arraycopy(more, 0, all, words.length, more.length);
    return all;
  }

  // What is refused.

  @Test
  void aJarThatIsMissingIsNamed() {
    String missing = directory.resolve("missing.jar").toString();
    assertRefused(Cli.run("--modules", missing, "ls"), missing + ": No such file or directory");
    assertRefused(
        Cli.run("--modules", jar + ":" + missing, "ls"), missing + ": No such file or directory");
    assertRefused(
        Cli.run("--modules", directory.toString(), "ls"),
        directory + ": is a directory, not a jar");
    assertRefused(Cli.run("--modules", jar + ":", "ls"), "--modules: a path of a jar is empty");
  }

  @Test
  void aFileThatIsNoJarIsNamed() throws IOException {
    Path text = Files.writeString(directory.resolve("text.jar"), "no zip");
    assertRefused(Cli.run("--modules", text.toString(), "ls"), text + ": is not a jar");
  }

  @Test
  void jarsWithoutAnyProviderAreNamed() throws IOException {
    Path empty =
        new PluginJar(directory, "empty")
            .source("Nothing", "package plugin; class Nothing {}")
            .build();
    assertRefused(
        Cli.run("--modules", empty.toString(), "ls"),
        empty + ": has no provider of a FileSystemType or a DiskType");
    assertRefused(
        Cli.run("--modules", empty + ":" + empty, "ls"),
        empty + ":" + empty + ": has no provider of a FileSystemType or a DiskType");
  }

  @Test
  void twoProvidersOfOneNameAreNamed() throws IOException {
    Path other = new PluginJar(directory, "other").fileSystem("Rival", "toyfs").build();
    assertRefused(
        Cli.run("--modules", jar + ":" + other, "ls"),
        "--modules: toyfs: two filesystems have this name: plugin.Toy of toys.jar and plugin.Rival"
            + " of other.jar");
    Path xfs = new PluginJar(directory, "xfs").fileSystem("Mine", "xfs").build();
    Cli run = Cli.run("--modules", xfs.toString(), "ls");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err())
        .matches(
            "pollux: --modules: xfs: two filesystems have this name: [^\n]*plugin.Mine[^\n]*\n");
  }

  @Test
  void aProviderThatThrowsWhileItIsLoadedIsNamed() throws IOException {
    Path other =
        new PluginJar(directory, "broken")
            .source("Broken", "package plugin; public final class Broken {}")
            .fileSystemProvider("Broken")
            .build();
    assertRefused(
        Cli.run("--modules", other.toString(), "ls"),
        "--modules: io.pollux.block.bdev.FileSystemType: plugin.Broken not a subtype");
    Path throwing =
        new PluginJar(directory, "throwing")
            .source(
                "Angry",
                """
                package plugin;

                import io.pollux.block.bdev.*;
                import io.pollux.core.sched.Task;

                public final class Angry implements DiskType {
                  public Angry() {
                    throw new IllegalStateException("not today");
                  }

                  @Override
                  public String name() {
                    return "angry";
                  }

                  @Override
                  public OpenedDisk open(Task current, DiskParameters parameters) {
                    throw new IllegalStateException();
                  }
                }
                """)
            .diskProvider("Angry")
            .build();
    assertRefused(
        Cli.run("--modules", throwing.toString(), "ls"),
        "--modules: plugin.Angry: threw java.lang.IllegalStateException: not today as it was"
            + " loaded");
  }

  @Test
  void aProviderThatThrowsInMountLeavesNothingBehind() {
    String why = ": toyfs: its mount threw java.lang.ArithmeticException: a mistake";
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "-o", "throw=mount"), image + why);
    assertThat(Cli.run("--modules", jar, "ls", "--image", image).status()).isZero();
  }

  @Test
  void anOptionThatNothingKnowsIsNamed() {
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "-o", "ro,colour=red"),
        image + ": toyfs has no option 'colour'; it has only throw");
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "--disk", "heap:depth=3"),
        "--disk heap:depth=3: heap has no option 'depth'; it has only chunk");
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "--disk", "heap:chunk=3"),
        "--disk heap:chunk=3: option chunk: 3 is out of range, from 512 to 1048576");
    assertRefused(
        Cli.run("ls", "-o", "ro", "--fs", "none"),
        "-o ro: is about a filesystem, and --fs is none");
  }

  @Test
  void anImageOfAnotherTypeIsNamed() {
    assertRefused(
        Cli.run("ls", "--image", image),
        image + ": no filesystem recognised (--fs none takes it as a bare disk)");
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "--fs", "xfs"),
        image + ": is toyfs, not xfs");
    assertRefused(
        Cli.run("--modules", jar, "ls", "--fs", "toyfs"),
        "--fs toyfs: there is no sample with this filesystem: needs --image");
    assertRefused(
        Cli.run("ls", "--fs", "toyfs"),
        "--fs toyfs: there is no type of filesystem 'toyfs'; there are gfs2, xfs");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          tape              | --disk tape: there is no type of disk 'tape'; there are fault, file, heap, null, ram
          heap:tape         | --disk heap:tape: there is no type of disk 'tape'; there are fault, file, heap, null, ram
          heap:(ram         | --disk: a ')' is missing in '(ram'
          heap:(ram)ram     | --disk: a comma is missing after ')' in '(ram)ram'
          heap:ram:size=1k  | --disk heap:ram:size=1k: heap has no option 'ram:size'; it has only chunk
          heap:a:b          | --disk: 'a:b' is neither KEY=VALUE nor a lower disk; one with parameters stands in parentheses
          heap:             | --disk: '' is neither KEY=VALUE nor a lower disk; one with parameters stands in parentheses
          ram:ram           | --disk ram:ram: a disk of type ram has no lower disks, not 1
          fault:volatile-cache=1,heap | --disk fault:volatile-cache=1,heap: a disk of type fault with volatile-cache, short-rate or short-at needs a lower disk of type ram, null or file
          """)
  void aDescriptionOfADiskThatIsWrongIsNamed(String disk, String sentence) {
    assertRefused(Cli.run("--modules", jar, "ls", "--disk", disk), sentence);
  }

  @Test
  void aDiskWithContentOfItsOwnIsNotOverwritten() throws IOException {
    Path file = Files.write(directory.resolve("mine"), new byte[1 << 20]);
    String disk = "heap:(file:path=" + file + ")";
    assertRefused(
        Cli.run("--modules", jar, "ls", "--image", image, "--disk", disk),
        "--disk " + disk + ": has content of its own, and excludes --image");
    assertThat(Files.readAllBytes(file)).containsOnly(0);
    assertThat(Cli.run("ls", "--disk", "file:path=" + image, "--modules", jar).out())
        .isEqualTo("made-by-toyfs\n");
  }

  @Test
  void mkfsThatFailsLeavesNoFile() {
    Path file = directory.resolve("never");
    assertRefused(
        Cli.run("mkfs", "--fs", "xfs", "--image", file.toString(), "--size", "1M"),
        file + ": 1048576 bytes are too few: an XFS filesystem has at least 16777216");
    assertThat(file).doesNotExist();
    assertRefused(
        Cli.run("mkfs", "--fs", "xfs", "--image", file.toString()),
        file + ": No such file or directory (--size makes one)");
    assertRefused(
        Cli.run("--modules", jar, "mkfs", "--fs", "toyfs", "--image", image, "--size", "1M"),
        "--size: is for a new file, and " + image + " exists");
    assertRefused(
        Cli.run("--modules", jar, "mkfs", "--fs", "toyfs", "--image", image, "-f", "-o", "a=b"),
        image + ": toyfs has no option 'a'; it has only label");
    assertRefused(
        Cli.run("mkfs", "--fs", "ext4", "--image", image),
        "--fs ext4: there is no type of filesystem 'ext4'; there are gfs2, xfs");
  }
}
