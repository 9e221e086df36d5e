// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A filesystem in a modular jar, compiled against the jars of this build, under bin/pollux. */
@Timeout(300)
final class ModularJarTest {
  private static final String MODULE =
      """
      module plugin.toy {
        requires io.pollux.block;

        provides io.pollux.block.bdev.FileSystemType with
            plugin.Toy;
      }
      """;

  private static final String LIBRARY = "module words { exports words; }";

  private static final String TOY =
      """
      package plugin;

      import io.pollux.block.BlockDevice;
      import io.pollux.block.bdev.FileSystemType;
      import io.pollux.core.ErrnoException;
      import io.pollux.core.Options;
      import io.pollux.core.ramfs.Ramfs;
      import io.pollux.core.sched.Task;
      import io.pollux.core.vfs.SuperBlock;
      import java.lang.foreign.MemorySegment;
      import java.lang.foreign.ValueLayout;

      public final class Toy implements FileSystemType {
        @Override
        public String name() {
          return "toyfs";
        }

        @Override
        public boolean recognises(MemorySegment head) {
          return head.get(ValueLayout.JAVA_BYTE, 0) == 't';
        }

        @Override
        public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
            throws ErrnoException {
          if (options.flag("throw")) {
            throw new IllegalStateException("a mistake");
          }
          options.requireAllKnown("toyfs");
          Ramfs files = new Ramfs(bdev.dev());
          files.mkdir("made-by-" + getClass().getModule().getName());
          return files;
        }
      }
      """;

  private static Path directory;

  private static String jar;
  private static String image;

  @BeforeAll
  static void build(@TempDir Path given) throws IOException {
    directory = given;
    Path sources = Files.createDirectories(directory.resolve("src/plugin"));
    Path module = Files.writeString(directory.resolve("src/module-info.java"), MODULE);
    Path toy = Files.writeString(sources.resolve("Toy.java"), TOY);
    String classes = directory.resolve("classes").toString();
    String libraries = Repository.file("tools/target/lib").toString();
    run("javac", "-p", libraries, "-d", classes, module.toString(), toy.toString());
    jar = directory.resolve("toy.jar").toString();
    run("jar", "--create", "--file", jar, "-C", classes, ".");
    image = Files.writeString(directory.resolve("image"), "t".repeat(1 << 20)).toString();
  }

  private static void run(String tool, String... arguments) {
    StringWriter said = new StringWriter();
    PrintWriter out = new PrintWriter(said);
    assertThat(ToolProvider.findFirst(tool).orElseThrow().run(out, out, arguments))
        .as(said.toString())
        .isZero();
  }

  @Test
  void itsFilesystemIsMountedByName() throws IOException, InterruptedException {
    CommandLineRun run =
        CommandLineRun.of("--modules", jar, "ls", "--image", image, "--fs", "toyfs");
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).isEqualTo("made-by-plugin.toy\n");
  }

  /** A module without a provider, which a module with one requires. */
  @Test
  void itsLibraryIsAJarOfItsOwn() throws IOException, InterruptedException {
    Path library = Files.createDirectories(directory.resolve("library"));
    Path words = Files.createDirectories(library.resolve("src/words"));
    Files.writeString(words.resolve("Words.java"), "package words; public class Words {}");
    Path of = Files.writeString(library.resolve("src/module-info.java"), LIBRARY);
    String built = library.resolve("classes").toString();
    run("javac", "-d", built, of.toString(), words.resolve("Words.java").toString());
    String libraryJar = library.resolve("words.jar").toString();
    run("jar", "--create", "--file", libraryJar, "-C", built, ".");
    Path user = Files.createDirectories(directory.resolve("user"));
    Path sources = Files.createDirectories(user.resolve("src/plugin"));
    Path module =
        Files.writeString(
            user.resolve("src/module-info.java"),
            MODULE.replace(
                "requires io.pollux.block;", "requires io.pollux.block; requires words;"));
    Path toy =
        Files.writeString(
            sources.resolve("Toy.java"),
            TOY.replace("getClass().getModule().getName()", "words.Words.class.getModule()"));
    String classes = user.resolve("classes").toString();
    String libraries = Repository.file("tools/target/lib") + ":" + libraryJar;
    run("javac", "-p", libraries, "-d", classes, module.toString(), toy.toString());
    String userJar = user.resolve("toy.jar").toString();
    run("jar", "--create", "--file", userJar, "-C", classes, ".");
    CommandLineRun run =
        CommandLineRun.of("--modules", userJar + ":" + libraryJar, "ls", "--image", image);
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).isEqualTo("made-by-module words\n");
  }

  @Test
  void itsFilesystemIsMountedForCPrograms() throws IOException, InterruptedException {
    CommandLineRun run =
        CommandLineRun.of(
            "--modules", jar, "exec", "--image", image, "--at", "/toy", "--", "ls", "/toy");
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).isEqualTo("made-by-plugin.toy\n");
  }

  @Test
  void aMistakeInItsMountIsOneSentence() throws IOException, InterruptedException {
    CommandLineRun run = CommandLineRun.of("--modules", jar, "ls", "--image", image, "-o", "throw");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err())
        .isEqualTo(
            "pollux: "
                + image
                + ": toyfs: its mount threw java.lang.IllegalStateException: a mistake\n");
  }

  @Test
  void twoJarsOfOneModuleAreRefused() throws IOException, InterruptedException {
    String copy = Files.copy(Path.of(jar), directory.resolve("copy.jar")).toString();
    for (String other : List.of(copy, directory.resolve("missing.jar").toString())) {
      CommandLineRun.of("--modules", jar + ":" + other, "ls", "--image", image).assertRefused();
    }
  }
}
