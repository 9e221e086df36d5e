// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * C programs that print what calls return, on this kernel and on the Linux below: the outputs are
 * compared.
 */
@Timeout(300)
@Execution(ExecutionMode.CONCURRENT)
final class ExecCallsTest {
  private static final String MEMORY = "--fs none --size 64M -- ";

  private final Path dir;

  ExecCallsTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @BeforeAll
  static void needsCompiler() {
    Oracles.needPrograms("gcc", "cc");
  }

  private static void compare(String ours, String linux, Predicate<String> counts) {
    assertThat(ours.lines().filter(counts))
        .containsExactlyElementsOf(linux.lines().filter(counts).toList());
  }

  // Inside the C library.

  @ParameterizedTest
  @ValueSource(strings = {"tree", "names", "signals"})
  void functionsThatMakeTheirCallsInsideTheCLibrary(String what) throws Exception {
    CProgram program = CProgram.compile("inside-library");
    Path there = Files.createDirectory(dir.resolve("pollux"));
    CProgram.Run linux = program.onLinux(what, there.toString());
    assertThat(linux.status()).as(linux.said()).isZero();
    ExecRun ours = ExecRun.direct(MEMORY + program.file() + " " + what + " /pollux").succeeded();
    assertThat(ours.err()).isEmpty();
    compare(ours.out(), linux.said(), line -> true);
  }

  /** The mount point may lie anywhere, also below an existing host directory. */
  @Test
  void aWalkFromAboveComesToTheMountPoint() throws Exception {
    CProgram program = CProgram.compile("inside-library");
    Path at = Files.createDirectories(dir.resolve("some/where"));
    ExecRun ours =
        ExecRun.of("--at " + at + " " + MEMORY + program.file() + " tree " + at).succeeded();
    CProgram.Run linux =
        program.onLinux("tree", Files.createDirectories(dir.resolve("linux/where")).toString());
    compare(ours.out(), linux.said(), line -> true);
  }

  // Names and attributes.

  @Test
  void callsOnNamesModesTimesAndTheWorkingDirectory() throws Exception {
    CProgram program = CProgram.compile("name-calls");
    Path outside = Files.createDirectory(dir.resolve("outside"));
    Oracles.needLoopMounts("ramfs");
    Path ramfs = Files.createDirectory(dir.resolve("ramfs"));
    ExecRun.program(List.of("mount", "-t", "ramfs", "none", ramfs.toString())).succeeded();
    CProgram.Run linux;
    try {
      Path empty = Files.createDirectory(ramfs.resolve("directory"));
      linux = program.onLinux(empty.toString(), outside.toString());
    } finally {
      ExecRun.program(List.of("umount", ramfs.toString())).succeeded();
    }
    assertThat(linux.status()).as(linux.said()).isZero();
    ExecRun ours = ExecRun.direct(MEMORY + program.file() + " /pollux " + outside).succeeded();
    assertThat(ours.err()).isEmpty();
    compare(ours.out(), linux.said(), line -> true);
  }

  // fcntl, ioctl, locks.

  /**
   * Leases and notifications are not given here; a name that was just created is not told; ramfs
   * counts no bytes.
   */
  private static final Pattern NOT_HERE =
      Pattern.compile(".*(LEASE|NOTIFY|CREATED_QUERY|command 1028|FIOQSIZE: ).*");

  @ParameterizedTest
  @CsvSource({"fcntl, file", "fcntl, directory", "ioctl, file", "ioctl, directory", "locks, file"})
  void everyCommandOnFiles(String what, String kind) throws Exception {
    CProgram program = CProgram.compile("fd-commands");
    Oracles.needLoopMounts("ramfs");
    Path ramfs = Files.createDirectory(dir.resolve("ramfs"));
    ExecRun.program(List.of("mount", "-t", "ramfs", "none", ramfs.toString())).succeeded();
    String said;
    try {
      said = linux(program, what, kind, ramfs);
    } finally {
      ExecRun.program(List.of("umount", ramfs.toString())).succeeded();
    }
    ExecRun ours =
        ExecRun.direct(MEMORY + program.file() + " " + what + " /pollux/" + kind + " " + kind)
            .succeeded();
    compare(ours.out(), said, line -> !NOT_HERE.matcher(line).matches());
  }

  private static String linux(CProgram program, String what, String kind, Path in)
      throws IOException, InterruptedException {
    CProgram.Run run = program.onLinux(what, in.resolve(kind).toString(), kind);
    assertThat(run.status()).as(run.said()).isZero();
    return run.said();
  }

  /**
   * A loop device's driver answers EINVAL to a request that it does not know, which is ENOTTY for a
   * disk in memory; and its physical blocks are as large as the logical ones.
   */
  private static final Pattern OF_THE_DRIVER =
      Pattern.compile(
          ".*(FIONREAD|TCGETS|TIOCGWINSZ|tcgetattr|ttyname_r|request"
              + " |FIBMAP|BLKPBSZGET|BLKIOMIN|ETFLAGS|GETVERSION|ETXATTR).*");

  @Test
  void everyRequestOnADisk() throws Exception {
    CProgram program = CProgram.compile("fd-commands");
    LoopDevice.need();
    Path image = dir.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(64 << 20);
    }
    CProgram.Run requests;
    CProgram.Run commands;
    try (LoopDevice loop = LoopDevice.over(image)) {
      requests = program.onLinux("disk", loop.name());
      commands = program.onLinux("fcntl", loop.name());
    }
    ExecRun ours = ExecRun.direct(MEMORY + program.file() + " disk /pollux/dev/ram0").succeeded();
    compare(ours.out(), requests.said(), line -> !OF_THE_DRIVER.matcher(line).matches());
    ExecRun fcntl = ExecRun.direct(MEMORY + program.file() + " fcntl /pollux/dev/ram0").succeeded();
    compare(fcntl.out(), commands.said(), line -> !NOT_HERE.matcher(line).matches());
  }

  // Extents and attributes of files.

  /**
   * Makes files in XFS: with every attribute; of holes, unwritten blocks and blocks beyond the end;
   * with extents of attributes; and with so many shared blocks that reference counts take a tree of
   * two levels.
   */
  private static final String FILES =
      """
      set -eu
      mkfs.xfs -q -f -m reflink=1 $1
      at=$2
      mount $1 $at
      trap 'cd /; umount $at' ERR
      cd $at
      for file in plain d A s S a i all many extsize cow beyond; do head -c 20000 /dev/zero > $file; done
      mkdir directory
      : > empty
      : > hinted
      xfs_io -c 'extsize 128k' -c 'pwrite -q 0 1' hinted
      xfs_io -c 'extsize 64k' -c 'chproj 4000000000' -c 'chattr +P' directory
      xfs_io -c 'chproj 70000' -c 'chattr +f' plain
      xfs_io -c 'cowextsize 256k' cow
      xfs_io -c 'falloc -k 100k 1m' -c 'falloc 2m 1m' -c 'pwrite -q 2100k 5k' -c fsync beyond
      value=$(printf '%03000d' 0)
      for i in $(seq 20); do setfattr -n user.a$i -v $value many; done
      head -c 4096000 /dev/urandom > shared
      sync
      set --
      for i in $(seq 0 2 998); do set -- "$@" -c "reflink -q shared $((i * 4096)) $((i * 8192)) 4096"; done
      xfs_io -f "$@" shares
      for mark in d A s S a i; do xfs_io -c "chattr +$mark" $mark; done
      xfs_io -c 'chattr +dAsia' all
      """;

  private static final String NAMES =
      "plain d A s S a i all many extsize cow beyond directory empty hinted shared shares .";

  @Test
  void extentsAndAttributesOfFiles() throws Exception {
    Oracles.needLoopMounts("xfs");
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_io");
    Oracles.needPrograms("attr", "setfattr");
    CProgram program = CProgram.compile("file-extents");
    Path image = dir.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(320 << 20);
    }
    Path at = Files.createDirectory(dir.resolve("xfs"));
    String said;
    try (LoopDevice loop = LoopDevice.over(image)) {
      // mounts it
      ExecRun.program(List.of("bash", "-c", FILES, "bash", loop.name(), at.toString())).succeeded();
      try {
        ExecRun.program(List.of("mount", "-o", "remount,ro", at.toString())).succeeded();
        said = program.onLinux((at + " " + NAMES).split(" ")).said();
      } finally {
        ExecRun.program(List.of("umount", at.toString())).succeeded();
      }
    }
    ExecRun ours =
        ExecRun.of("--read-only --image " + image + " -- " + program.file() + " /pollux " + NAMES)
            .succeeded();
    compare(ours.out(), said, line -> true);
    assertThat(said)
        .contains("plain FSGETXATTR: 0")
        .contains("flags 0x2000")
        .contains("flags 0x800");
    ExecRun writable =
        ExecRun.of(
                "--disk ram --image "
                    + image
                    + " -- "
                    + program.file()
                    + " /pollux plain directory")
            .succeeded();
    assertThat(writable.out().lines().map(String::strip))
        .contains("plain SETFLAGS: 0", "directory FSSETXATTR: 0", "plain SETFLAGS wild: -1 EFAULT");
  }

  // Limits.

  private static final String MEMLOCK =
      """
      before, to 64 KiB: 0\s
        then: 0 65536 131072, 0 same
      before, to more than the maximum: -1 EINVAL
        then: 0 65536 131072, 0 same
      before, to infinity: 0\s
        then: 0 -1 -1, 0 same
      before, to 128 KiB: 0\s
        then: 0 131072 1048576, 0 same
      after: 0 131072 1048576, 0 same
      after, to infinity: 0\s
        then: 0 -1 -1, 0 same
      after, to 0: 0\s
        then: 0 0 -1, 0 same
      after, to more than the maximum: -1 EINVAL
        then: 0 0 -1, 0 same
      prlimit: 0\s
      old: 0 -1
      prlimit of this process: 0\s
      old: 4096 8192
      prlimit of none: -1 ESRCH
      setrlimit by number: 0\s
      getrlimit by number: 0\s
      old: 10000 20000
      wild: -1 EFAULT
      wild: -1 EFAULT
      null: -1 EFAULT
      another limit: 0\s
      no such limit: -1 EINVAL
      child: 0 10000 20000, 0 same
      child, to 5: 0\s
        then: 0 5 20000, 0 same
      executed: 0 5 20000, 0 same
      status: 0
      parent: 0 10000 20000, 0 same
      executed: 0 10000 20000, 0 same
      """;

  /** Also if the host would refuse: without CAP_SYS_RESOURCE, and with a limit of its own. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "prlimit --memlock=65536:65536",
        "prlimit --memlock=65536:65536 setpriv --bounding-set=-sys_resource"
      })
  void theLimitOfPinnedMemoryIsTheKernels(String as) throws Exception {
    Path program = CProgram.compile("memlock").file();
    String line = as + " " + Repository.pollux() + " exec -- " + program + " /pollux/main.dat";
    ExecRun run = ExecRun.program(List.of(line.strip().split(" "))).succeeded();
    assertThat(run.out()).isEqualTo(MEMLOCK);
  }
}
