// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** cp and cat held against the same image mounted by Linux, and GNU cp on that. */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
class CopyOutTest {
  private static final long SECONDS = 300;

  /**
   * Fills the directory that it runs in: every type, names of any bytes, a path longer than
   * PATH_MAX, holes.
   */
  private static final String FILL =
      """
      mkdir d d/sub d/ro; echo hello >d/f; echo suid >d/suid; chown 1234:5678 d/suid; chmod 4755 d/suid
      echo sgid >d/sgid; chmod 2755 d/sgid; mkdir d/sticky; chmod 1777 d/sticky; echo none >d/none; chmod 0 d/none
      echo x >"$(printf 'd/\\377\\376')"; echo y >"$(printf 'd/new\\nline')"; mkdir "$(printf 'd/dir\\376')"
      echo q >"$(printf 'd/dir\\376/in\\377')"; ln -s "$(printf '\\377\\376')" d/linkbytes
      n=$(printf 'a%.0s' $(seq 255)); echo z >d/$n
      ln -s f d/link; ln -s sub d/dirlink; ln -s nowhere d/dangling; ln d/f d/hard; : >d/empty
      mkfifo d/fifo; mknod d/chr c 1 3; mknod d/blk b 7 99
      echo in >d/ro/file; chmod 0555 d/ro; touch -d '2001-02-03 04:05:06.123456789Z' d/ro
      chown 1234:5678 d/f; chown -h 1234:5678 d/link; touch -h -d '2002-02-03 04:05:06.987654321Z' d/link
      touch -d '1965-02-03 04:05:06.5Z' d/sub; ln -s d toplink; ln -s d/f filelink
      printf tail | dd of=sparse bs=1 seek=400000000000 conv=notrunc status=none
      head -c 12288 /dev/urandom | dd of=sparse bs=4096 seek=1000 conv=notrunc status=none
      truncate -s 4T sparse; truncate -s 4T allhole
      fallocate -l 64M unwritten; head -c 1048576 /dev/urandom | dd of=unwritten bs=1M seek=50 conv=notrunc status=none
      : >beyond; fallocate -l 16M -n beyond; echo inside | dd of=beyond conv=notrunc status=none
      mkdir deep; cd deep; for i in $(seq 90); do mkdir $n; cd -P $n; done; echo bottom >bottom
      """;

  /** What a tree is, to the nanosecond; a directory's size is its filesystem's. */
  private static final String LIST =
      """
      find . \\( -type d -printf '%P|%M %U:%G %T@\\n' -o -printf '%P|%M %U:%G %s %T@ %l\\n' \\) | LC_ALL=C sort
      find . -type f -size -100M -execdir sha256sum {} + | LC_ALL=C sort
      find . \\( -type b -o -type c \\) -execdir stat -c '%n %t:%T' {} + | LC_ALL=C sort
      """;

  private static Path dir = Path.of("");

  @BeforeAll
  static void makeImage() throws IOException, InterruptedException {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs");
    Oracles.needPrograms("util-linux", "mount", "umount", "fallocate");
    Oracles.needLoopMounts("xfs");
    dir = Files.createTempDirectory("pollux-copy");
    sh("truncate -s 400M image; mkfs.xfs -q image; mkdir mnt; mount -o loop image mnt");
    try {
      sh("cd mnt; " + FILL);
    } finally {
      sh("umount mnt");
    }
    sh("mount -o loop,ro image mnt");
  }

  @AfterAll
  static void removeImage() throws IOException, InterruptedException {
    if (!dir.toString().isEmpty()) {
      sh("umount mnt || umount -l mnt || :; cd ..; rm -rf " + dir);
    }
  }

  /**
   * Runs a script in the directory; it has to succeed. Answers what it said, a byte a character.
   */
  private static String sh(String script) throws IOException, InterruptedException {
    Path said = Files.createTempFile("pollux-sh", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder("bash", "-ec", script)
              .directory(dir.toFile())
              .redirectErrorStream(true);
      builder
          .environment()
          .merge("PATH", "/usr/local/sbin:/usr/sbin:/sbin", (path, more) -> path + ":" + more);
      Process process = builder.redirectOutput(said.toFile()).start();
      try {
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as("%s ends", script).isTrue();
      } finally {
        process.destroyForcibly();
      }
      String text = Files.readString(said, ISO_8859_1);
      assertThat(process.exitValue()).as("%s: %s", script, text).isZero();
      return text;
    } finally {
      Files.delete(said);
    }
  }

  private static CommandLineRun pollux(String command, String... arguments)
      throws IOException, InterruptedException {
    List<String> all =
        new ArrayList<>(List.of(command, "--image", dir.resolve("image").toString()));
    all.addAll(List.of(arguments));
    return CommandLineRun.of(all.toArray(String[]::new));
  }

  /** Standard error without what is said of the progress. */
  private static String said(CommandLineRun run) {
    return run.err().replaceAll("(?m)^copied .*\n", "");
  }

  @Test
  void aTreeIsAsLinuxSeesIt() throws IOException, InterruptedException {
    CommandLineRun run = pollux("cp", "-r", "image:/", "host:" + dir.resolve("tree"));

    assertThat(said(run)).isEmpty();
    assertThat(run.status()).isZero();
    String linux = sh("cd mnt; " + LIST);
    assertThat(linux.lines().count()).isGreaterThan(130);
    assertThat(sh("cd tree; " + LIST)).isEqualTo(linux);
    assertThat(sh("cd tree; stat -c %b allhole").strip()).isEqualTo("0");
    assertThat(Long.parseLong(sh("cd tree; stat -c %b sparse").strip())).isBetween(25L, 200L);
    assertThat(Long.parseLong(sh("cd tree; stat -c %b unwritten").strip())).isBetween(2048L, 2100L);
    sh(
        "cmp -n 5000000 mnt/sparse tree/sparse; cmp -i 399999990000 -n 20000 mnt/sparse"
            + " tree/sparse");
  }

  /**
   * What GNU cp makes of the same words: the same tree, and the same success or not. Each begins
   * with a directory of its own.
   */
  @Execution(ExecutionMode.SAME_THREAD) // the cases share directories
  @ParameterizedTest
  @ValueSource(
      strings = {
        "-r @/toplink out",
        "-r @/toplink/ out",
        "@/filelink out",
        "-r @/filelink out",
        "-r @/d/sub@ old",
        "-r @/d/. old",
        "-r @/d/sub new",
        "@/d/f @/d/hard old",
        "-r @/d/dangling out",
        "-r @/d/fifo out",
        "-r @/d/link file",
        "-r @/d/fifo file",
        "@/d/f file",
        "@/d/f @/d/sub/../f old",
        "-r @/d old",
        "@/d out",
        "@/d/dangling out",
        "-r @/d/f @/d/ro old",
        "-r @/d/sub/.. old",
        "@/d/f new/"
      })
  void wordsMeanWhatTheyMeanToGnuCp(String words) throws IOException, InterruptedException {
    sh(
        "rm -rf gnu own; mkdir -p gnu/old/d/empty; echo file >gnu/file; echo old >gnu/old/fifo; cp"
            + " -a gnu own");
    String[] word = words.replaceFirst("@ ", " ").split(" ", -1);
    List<String> gnu = new ArrayList<>();
    List<String> own = new ArrayList<>();
    for (int i = 0; i < word.length; i++) {
      boolean last = i == word.length - 1;
      gnu.add(last ? "gnu/" + word[i] : word[i].replace("@", "mnt"));
      own.add(last ? "host:" + dir + "/own/" + word[i] : word[i].replace("@", "image:"));
    }
    boolean done =
        sh("if cp --preserve=mode,ownership,timestamps "
                + String.join(" ", gnu)
                + "; then echo done; fi")
            .endsWith("done\n");
    CommandLineRun run = pollux("cp", own.toArray(String[]::new));

    assertThat(run.status() == 0).as(run.err()).isEqualTo(done);
    assertThat(said(run)).matches("(pollux: [^\n]+: [^\n]+\n)*");
    String list = "for i in $(seq 2); do touch -d @0 . old; done; " + LIST;
    assertThat(sh("cd own; " + list)).isEqualTo(sh("cd gnu; " + list));
  }

  /** The bytes get there by the process's own arguments. */
  @Test
  void namesThatAreNotUtf8AreTakenFromTheCommandLine() throws IOException, InterruptedException {
    String pollux = "POLLUX_JAVA_OPTS=" + ExecRun.SHORT_RUN + " " + Repository.pollux() + " ";
    assertThat(
            sh(
                "export LC_ALL=C.UTF-8; "
                    + pollux
                    + "cat --image image \"$(printf '/d/\\377\\376')\""))
        .isEqualTo("x\n");
    sh(
        "export LC_ALL=C.UTF-8; "
            + pollux
            + "cp -r --image image \"$(printf 'image:/d/dir\\376')\" \"$(printf"
            + " 'host:new\\376')\"");
    assertThat(sh("cat \"$(printf 'new\\376/in\\377')\"")).isEqualTo("q\n");
    assertThat(
            sh(
                "export LC_ALL=C.UTF-8; "
                    + pollux
                    + "cat --image image \"$(printf '/d/\\377')\" 2>&1 || echo $?"))
        .isEqualTo("pollux: /d/\\xff: No such file or directory\n2\n");
  }

  @Test
  void aFullFilesystemIsSaidInOneLineAndTheNextFileIsCopied()
      throws IOException, InterruptedException {
    sh("mkdir full; mount -t tmpfs -o size=512k tmpfs full");
    try {
      CommandLineRun run =
          pollux("cp", "image:/unwritten", "image:/d/f", "host:" + dir.resolve("full"));
      assertThat(said(run))
          .startsWith("pollux: " + dir + "/full/unwritten: No space left on device\n");
      assertThat(run.status()).isEqualTo(1);
      assertThat(sh("stat -c %s full/unwritten; ls full")).contains("f\n");
    } finally {
      sh("umount full; rmdir full");
    }
  }
}
