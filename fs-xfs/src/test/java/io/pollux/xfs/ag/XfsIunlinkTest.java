// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.uapi.StatMode;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Lists of unlinked inodes against a model. */
@Timeout(120)
final class XfsIunlinkTest {
  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);

  @Test
  void unlinkedListsAgreeWithAModel(@TempDir Path directory) throws Exception {
    System.out.println("XfsIunlinkTest: -Dpollux.seed=" + seed);
    try (InodeImage inodes = new InodeImage(directory, "", seed)) {
      AgImage image = inodes.image;
      XfsIunlink iunlink = new XfsIunlink(image.ags, InodeImage.OPS);
      List<Long> inos = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        inos.add(inodes.alloc(image.sb.rootIno, StatMode.S_IFREG));
      }
      Map<Long, List<Long>> lists = new HashMap<>(); // by bucket, the head last
      Set<Long> listed = new HashSet<>();
      for (int step = 0; step < 600; step++) {
        long ino = inos.get(random.nextInt(inos.size()));
        List<Long> list = lists.computeIfAbsent(ino % 64, bucket -> new ArrayList<>());
        boolean commit = random.nextInt(10) != 0;
        try (XfsTrans tp = image.begin()) {
          if (listed.contains(ino)) {
            iunlink.remove(tp, ino);
            if (commit) {
              tp.commit();
              listed.remove(ino);
              list.remove(ino);
            }
          } else {
            assertThatThrownBy(() -> iunlink.remove(tp, ino)).hasMessageContaining("not in its");
            iunlink.add(tp, ino);
            if (commit) {
              tp.commit();
              listed.add(ino);
              list.add(ino);
            }
          }
        }
        try (XfsTrans tp = image.begin()) {
          assertThat(iunlink.first(tp, 0, (int) (ino % 64)))
              .as("seed %d", seed)
              .isEqualTo(list.isEmpty() ? -1 : list.getLast());
        }
      }
      image.writeBack();
      for (long ino : inos) {
        List<Long> list = lists.getOrDefault(ino % 64, List.of());
        int at = list.indexOf(ino);
        String next = at <= 0 ? "null" : "" + list.get(at - 1);
        if (at >= 0 && ino % 5 == 0) { // each takes a process
          assertThat(image.db("inode " + ino, "p next_unlinked v3.crc"))
              .as("seed %d", seed)
              .startsWith("next_unlinked = " + next + "\n")
              .contains("(correct)");
        }
      }
      for (long ino : new ArrayList<>(listed)) {
        try (XfsTrans tp = image.begin()) {
          iunlink.remove(tp, ino);
          tp.commit();
        }
      }
      for (long ino : inos) {
        inodes.free(ino);
      }
      image.repair();
    }
  }
}
