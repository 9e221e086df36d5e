// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Statfs;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** statfs returns what the host's Linux returns for the same image, mounted read-only. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
final class XfsStatfsTest {
  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", "-b size=1024 -i maxpct=1", "-i size=2048,maxpct=0"})
  void asLinuxTells(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    if (!Files.isWritable(Path.of("/dev/loop-control"))) {
      if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
        fail("mounting takes root and loop devices (/dev/loop-control)");
      }
      assumeTrue(false, "mounting takes root and loop devices (/dev/loop-control)");
    }
    Path image = MkfsImage.make(directory, options, new byte[5000]);
    Path mounted = Files.createDirectory(directory.resolve("mounted"));
    run("mount", "-t", "xfs", "-o", "ro,loop", image.toString(), mounted.toString());
    String linux;
    try {
      linux = run("stat", "-f", "-c", "%t %S %b %f %a %c %d %l", mounted.toString()).strip();
    } finally {
      run("umount", mounted.toString());
    }
    try (Arena arena = Arena.ofShared();
        MountedTree tree = new MountedTree(MkfsImage.disk(image, arena).disk(true), "ro")) {
      long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
      tree.sb.fillStatfs(tree.current, statfs);
      String ours =
          "%x %d %d %d %d %d %d %d"
              .formatted(
                  Statfs.fType(statfs),
                  Statfs.fFrsize(statfs),
                  Statfs.fBlocks(statfs),
                  Statfs.fBfree(statfs),
                  Statfs.fBavail(statfs),
                  Statfs.fFiles(statfs),
                  Statfs.fFfree(statfs),
                  Statfs.fNamelen(statfs));
      assertThat(ours).isEqualTo(linux);
      assertThat(Statfs.fFlags(statfs) & Statfs.ST_RDONLY).isEqualTo(Statfs.ST_RDONLY);
    }
  }

  /** As {@link #asLinuxTells}, mounted for writing, after work of both has left trees behind. */
  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024 -m rmapbt=1",
        "-m rmapbt=1 -d agcount=3",
        "-m reflink=0,finobt=0,inobtcount=0,rmapbt=0",
        "-m inobtcount=0,rmapbt=0 -i size=1024"
      })
  void asLinuxTellsForWriting(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, "none\n0 0\nd--755 0 0\n$\n", options);
    // fragments, so that trees have blocks of their own
    WritableTree.linux(
        image,
        "seq 0 8192 20000000 | sed 's/.*/pwrite -q & 4k/' | xfs_io -f a; cp --reflink=auto a b;"
            + " mkdir d; cd d; seq 700 | xargs touch; seq 1 3 700 | xargs rm");
    for (int round = 0; round < 2; round++) {
      String ours;
      try (Arena arena = Arena.ofShared();
          WritableTree tree = new WritableTree(image)) {
        if (round == 1) {
          File file = tree.open("/c", Fcntl.O_CREAT);
          for (int i = 0; i < 500; i++) {
            assertThat(tree.write(file, i * 16_384L, 4096, 1)).isEqualTo(4096);
          }
          file.fput();
          assertThat(tree.mp.sync(tree.tree.current)).isZero();
        }
        long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
        tree.mp.fillStatfs(tree.tree.current, statfs);
        ours =
            Statfs.fBlocks(statfs)
                + " "
                + Statfs.fBfree(statfs)
                + " "
                + Statfs.fFiles(statfs)
                + " "
                + Statfs.fFfree(statfs);
      }
      assertThat(ours).isEqualTo(WritableTree.linux(image, "stat -f -c '%b %f %c %d' .").strip());
    }
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }
}
