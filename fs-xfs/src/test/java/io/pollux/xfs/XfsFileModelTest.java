// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random operations on a file, against an array of bytes ({@link FileModel}). Afterwards xfs_repair
 * finds nothing, and Linux reads the same bytes. {@code -Dpollux.seed} repeats a run, {@code
 * -Dpollux.xfs.operations} makes it longer.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class XfsFileModelTest {
  private static final int MOST = 1 << 20;
  private static final int PER_MOUNT = 300; // operations, at most
  private static final int PER_OPEN = 100;

  private final int count = Integer.getInteger("pollux.xfs.operations", 400);
  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> log = new ArrayList<>();
  private byte[] copied = new byte[0]; // what the clone of the file has

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-m rmapbt=1",
        "-m rmapbt=1,reflink=1 -b size=1024 -i nrext64=1",
        "-m reflink=0,finobt=0 -i size=1024 -s size=4096"
      })
  void aFileIsWhatTheOperationsMadeIt(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsFileModelTest: -Dpollux.seed=" + seed);
    int block = options.contains("-b size=1024") ? 1024 : 4096;
    boolean reflink = !options.contains("reflink=0");
    Path image = MkfsImage.make(directory, options, new byte[0]);
    FileModel model = new FileModel("/file", new byte[0], MOST, block, reflink, random, log);
    try {
      int left = count;
      while (left > 0) { // each turn is a mount
        int operations = Math.min(left, 1 + random.nextInt(PER_MOUNT));
        mounted(image, model, operations, reflink);
        left -= operations;
      }
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ", after " + log, e);
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root -> {
          assertThat(Files.readAllBytes(root.resolve("file"))).isEqualTo(model.bytes());
          if (Files.exists(root.resolve("copy"))) {
            assertThat(Files.readAllBytes(root.resolve("copy"))).isEqualTo(copied);
          }
        });
  }

  private void mounted(Path image, FileModel model, int operations, boolean reflink)
      throws Exception {
    log.add("mount");
    try (WritableTree mounted = new WritableTree(image)) {
      long memory = FileModel.memory(mounted, MOST);
      int left = operations;
      while (left > 0) { // each turn opens the file; its close frees blocks behind the end
        model.open(mounted, memory);
        int most = Math.min(left, 1 + random.nextInt(PER_OPEN));
        for (int i = 0; i < most; i++) {
          model.step();
        }
        left -= most;
        if (reflink && random.nextBoolean()) {
          copied = model.cloneTo("/copy");
        } else if (copied.length > 0 && random.nextInt(4) == 0) {
          model.cloneFrom("/copy", copied);
        }
        model.compare(false);
        model.close();
      }
    }
  }
}
