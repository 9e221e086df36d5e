// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Programs write an XFS image through {@code exec}. After each, xfs_repair reports no damage, and
 * Linux mounts the image and finds the same files.
 */
@Timeout(300)
final class XfsExecTest {
  private static final long BYTES = 600L << 20;
  private static final String PATH = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n";
  private static final String OURS = "ours";
  private static final String SUMS = "cd \"$1\"; find . -type f | sort | xargs sha256sum";
  private static final String DIRECT =
      "for c in extend past-end subblock holes in-flight cached padding unwritten append end"
          + " truncate; do \"$0\" $c \"$1\" || exit 1; done";

  private final Path dir;
  private final Path image;

  XfsExecTest(@TempDir Path dir) {
    this.dir = dir;
    image = dir.resolve("image");
  }

  @BeforeAll
  static void needsPrograms() {
    Oracles.needPrograms("gcc", "cc");
    Oracles.needPrograms("bash", "bash");
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_repair");
    Oracles.needLoopMounts("xfs");
  }

  /** Runs a script on the machine's own Linux, and returns its standard output. */
  private static String linux(String script, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", "-c", PATH + script));
    command.addAll(List.of(arguments));
    return ExecRun.program(command).succeeded().out();
  }

  /** Makes a filesystem, with options of mkfs.xfs or by this project's own. */
  private void make(String options) throws IOException, InterruptedException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(BYTES);
    }
    if (options.equals(OURS)) {
      linux("\"$0\" mkfs.xfs \"$1\"", Repository.pollux().toString(), image.toString());
    } else {
      linux("mkfs.xfs -q " + options + " \"$0\"", image.toString());
    }
  }

  /** Runs a bash script on the image, with the mount point as $1, and returns its output. */
  private String exec(String script, String zero) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("--shared", "--image", image.toString(), "--"));
    words.addAll(List.of("bash", "-c", script, zero, "/pollux"));
    return ExecRun.of(words).succeeded().out();
  }

  /** xfs_repair reports nothing, and a script succeeds on Linux's mount, which is $1. */
  private String judge(String script, String zero) throws IOException, InterruptedException {
    linux("xfs_repair -n \"$0\"", image.toString());
    Path root = Files.createTempDirectory(dir, "mnt");
    linux("mount -t xfs -o loop \"$0\" \"$1\"", image.toString(), root.toString());
    try {
      return linux(script, zero, root.toString());
    } finally {
      linux("umount \"$0\"", root.toString());
      Files.delete(root);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = "-b size=1024")
  void fioVerifiesNewFiles(String options) throws Exception {
    Oracles.needPrograms("fio", "fio");
    make(options);
    StringBuilder fio =
        new StringBuilder(
            "fio --thread --group_reporting --verify_state_save=0 --directory=\"$1\""
                + " --fallocate=none --verify=crc32c --verify_fatal=1 --iodepth=16 --nrfiles=2");
    for (String engine : List.of("libaio", "psync")) {
      for (int direct = 0; direct <= 1; direct++) {
        for (String work :
            List.of(
                "randwrite --bs=512 --size=256k",
                "randrw --bs=4k --size=2M",
                "randwrite --bs=4k --size=2M",
                "randrw --bs=64k --size=4M")) {
          fio.append(" --name=").append(engine).append(direct).append(fio.length());
          fio.append(" --ioengine=").append(engine).append(" --direct=").append(direct);
          fio.append(" --rw=").append(work);
        }
      }
    }
    fio.append(" --name=mixed --numjobs=2 --ioengine=libaio --direct=1 --rw=randrw --size=1M");
    fio.append(" --bsrange=512-64k --blockalign=512");
    String ours = exec(fio + " >\"$0\" 2>&1 || { cat \"$0\"; exit 1; }; " + SUMS, log());
    assertThat(Files.readString(dir.resolve("log"))).contains("err= 0").doesNotContain("fio:");
    assertThat(ours).hasLineCount(36);
    assertThat(judge(SUMS, "bash")).isEqualTo(ours);
  }

  private String log() {
    return dir.resolve("log").toString();
  }

  @ParameterizedTest
  @ValueSource(strings = OURS)
  void treesOfFiles(String options) throws Exception {
    Oracles.needPrograms("git", "git");
    Oracles.needPrograms("tar", "tar");
    make(options);
    String tree = dir.resolve("tree").toString();
    linux(
        "mkdir \"$1\"; tar -C \"$0\" -cf \"$1.tar\" fs-xfs/src fs-iomap/src kernel-core/src"
            + " && tar -C \"$1\" -xf \"$1.tar\"",
        Repository.file("").toString(),
        tree);
    exec(
        """
        set -e
        cd "$1"; mkdir t; tar -C t -xf "$0.tar"; cp -a t u; diff -r t u
        export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b
        export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q -b main t; cd t; git add .; git commit -q -m first; git gc -q; git fsck --full
        """,
        tree);
    judge(
        """
        diff -r -x .git --no-dereference "$0" "$1/t" && diff -r --no-dereference "$0" "$1/u" &&
        git -C "$1/t" -c safe.directory='*' fsck --full && mv "$1/u" "$1/v"
        """,
        tree);
    exec("set -e; cd \"$1\"; diff -r -x .git t v; rm -rf t v; mkdir \"$1/after\"", "bash");
    assertThat(judge("ls \"$1\"; df -i \"$1\" | tail -1", "bash"))
        .matches("(?s)after\n\\S+ +\\d+ +4 .*"); // the root, after, and two of the filesystem's own
  }

  @Test
  void sqliteKeepsADatabase() throws Exception {
    Oracles.needPrograms("sqlite3", "sqlite3");
    make("");
    String all = "pragma integrity_check; select count(*), total(length(b)) from t;";
    String ours =
        exec(
            """
            set -e
            cd "$1"; sqlite3 d "create table t(a integer primary key, b text); create index i on t(b)"
            sqlite3 d "with recursive c(x) as (select 1 union all select x+1 from c where x<9000)
              insert into t(b) select hex(randomblob(50)) from c; delete from t where a%3=0; vacuum"
            for mode in truncate persist delete; do
              sqlite3 d "pragma journal_mode=$mode; insert into t(b) select b from t limit 500" >/dev/null
            done
            sqlite3 d "$0"
            """,
            all);
    assertThat(ours).startsWith("ok\n7500|");
    assertThat(judge("sqlite3 \"$1/d\" \"$0\"", all)).isEqualTo(ours);
  }

  /** The cases of direct-io.c. Linux passes them, too. */
  @Test
  void directWritesThatAllocate() throws Exception {
    make("");
    String program = CProgram.compile("direct-io").file().toString();
    assertThat(exec(DIRECT, program)).contains("truncate: 0 differences\n");
    assertThat(judge("rm \"$1\"/*; " + DIRECT, program)).contains("truncate: 0 differences\n");
  }
}
