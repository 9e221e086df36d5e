// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Allocates and frees inodes in images of mkfs.xfs, and has xfs_db and xfs_repair look at them. */
@Timeout(120)
final class XfsIallocTest {
  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "-m rmapbt=0",
        "-b size=1024 -m rmapbt=1",
        "-m finobt=0,inobtcount=0,reflink=0 -i sparse=0",
        "-b size=1024 -m finobt=0,inobtcount=0 -i sparse=0",
        "-i size=1024 -m inobtcount=0",
        "-i size=2048 -m rmapbt=1 -s size=4096",
        "-b size=65536"
      })
  void agreesWithAModel(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsIallocTest: -Dpollux.seed=" + seed);
    try (InodeImage inodes = new InodeImage(directory, options, seed)) {
      AgImage image = inodes.image;
      XfsIalloc ialloc = inodes.ialloc;
      Set<Long> used = inodes.initial();
      List<Long> directories = new ArrayList<>(List.of(image.sb.rootIno));
      List<Long> files = new ArrayList<>();
      long fdblocks = image.mount.fdblocks();
      long icount = image.mount.icount();
      for (int phase = 0; phase < 2; phase++) {
        for (int step = 0; step < 700; step++) {
          step(image, ialloc, used, directories, files, phase == 0 ? 9 : 4);
        }
        inodes.compare(used);
        inodes.checkNew(files.get(random.nextInt(files.size())));
      }
      directories.remove(0);
      files.addAll(directories);
      for (long ino : files) {
        inodes.free(ino);
        used.remove(ino);
      }
      inodes.compare(used);
      image.repair();
      if (image.sb.inopbLog <= 6) { // chunks that are a part of a block stay
        assertThat(image.mount.icount()).as("seed %d", seed).isEqualTo(icount);
        assertThat(image.mount.fdblocks()).as("seed %d", seed).isEqualTo(fdblocks);
      }
    }
  }

  /** Allocates or frees an inode, and sometimes thinks better of it. */
  private void step(
      AgImage image,
      XfsIalloc ialloc,
      Set<Long> used,
      List<Long> directories,
      List<Long> files,
      int allocations)
      throws ErrnoException {
    boolean commit = random.nextInt(10) != 0;
    try (XfsTrans tp = image.begin()) {
      if (files.isEmpty() || random.nextInt(10) < allocations) {
        boolean isDirectory = random.nextInt(30) == 0;
        long parent = directories.get(random.nextInt(directories.size()));
        long ino = ialloc.allocInode(tp, parent, isDirectory ? StatMode.S_IFDIR : StatMode.S_IFREG);
        assertThat(used).as("seed %d", seed).doesNotContain(ino);
        ialloc.checkUsed(tp, ino);
        if (!isDirectory) { // there is room
          assertThat(image.sb.inoToAgno(ino)).isEqualTo(image.sb.inoToAgno(parent));
        }
        if (commit) {
          tp.commit();
          used.add(ino);
          (isDirectory ? directories : files).add(ino);
        }
      } else {
        int at = random.nextInt(files.size());
        long ino = files.get(at);
        ialloc.freeInode(tp, ino);
        assertThatThrownBy(() -> ialloc.checkUsed(tp, ino)).hasMessageContaining("not allocated");
        if (commit) {
          tp.commit();
          used.remove(ino);
          files.remove(at);
        }
      }
    }
  }

  /** Linux starts with the first group, too. */
  @Test
  void directoriesGoToOneGroupAfterTheOther(@TempDir Path directory) throws Exception {
    try (InodeImage inodes = new InodeImage(directory, "-d agcount=4", seed)) {
      AgImage image = inodes.image;
      List<Long> groups = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        long ino = inodes.alloc(image.sb.rootIno, StatMode.S_IFDIR);
        groups.add(image.sb.inoToAgno(ino));
        assertThat(inodes.alloc(ino, StatMode.S_IFREG)).isEqualTo(ino + 1);
      }
      assertThat(groups).containsExactly(0L, 1L, 2L, 3L, 0L, 1L, 2L, 3L);
      image.writeBack();
      long first = inodes.chunks(3, "root").getFirst().startino();
      assertThat(image.db("agi 3", "p newino")).isEqualTo("newino = " + first + "\n");
    }
  }

  /** The chunk that is nearest to the parent, even if a chunk far away has free inodes. */
  @Test
  void filesGoNearTheirParent(@TempDir Path directory) throws Exception {
    for (String options : List.of("", "-m finobt=0,inobtcount=0")) {
      try (InodeImage inodes = new InodeImage(directory, options, seed)) {
        AgImage image = inodes.image;
        List<Long> inos = new ArrayList<>();
        for (int i = 0; i < 61 + 5 * 64; i++) {
          inos.add(inodes.alloc(image.sb.rootIno, StatMode.S_IFREG));
        }
        long parent = inos.get(61 + 2 * 64 + 5);
        long near = inos.get(61 + 3 * 64 + 9);
        assertThat(inodes.free(inos.get(5))).isTrue();
        assertThat(inodes.free(inos.get(61 + 5 * 64 - 1))).isTrue();
        assertThat(inodes.free(near)).isTrue();
        assertThat(inodes.alloc(parent, StatMode.S_IFREG)).isEqualTo(near);
        assertThat(inodes.alloc(image.sb.rootIno, StatMode.S_IFREG)).isEqualTo(inos.get(5));
      }
    }
  }

  /** So many inodes that both trees have two levels. */
  @Test
  void manyChunks(@TempDir Path directory) throws Exception {
    try (InodeImage inodes = new InodeImage(directory, "-b size=1024 -d agcount=2", seed)) {
      AgImage image = inodes.image;
      Set<Long> used = inodes.initial();
      List<Long> inos = new ArrayList<>();
      long fdblocks = image.mount.fdblocks();
      for (int i = 0; i < 64 * 70; i++) {
        inos.add(inodes.alloc(image.sb.rootIno, StatMode.S_IFREG));
      }
      used.addAll(inos);
      assertThat(used).hasSize(3 + 64 * 70);
      for (long ino : inos) {
        if (ino % 64 == 7) { // one of each chunk
          inodes.free(ino);
          used.remove(ino);
        }
      }
      inos.retainAll(used);
      inodes.compare(used);
      assertThat(image.db("agi 0", "p level free_level ino_blocks fino_blocks"))
          .isEqualTo("level = 2\nfree_level = 2\nino_blocks = 3\nfino_blocks = 3\n");
      for (long ino : inos) {
        inodes.free(ino);
      }
      inodes.compare(inodes.initial());
      image.repair();
      assertThat(image.mount.fdblocks()).isEqualTo(fdblocks);
    }
  }

  // Numbers from outside, and damage.

  @Test
  void refusesWhatIsNotAllocated(@TempDir Path directory) throws Exception {
    try (InodeImage inodes = new InodeImage(directory, "", seed)) {
      AgImage image = inodes.image;
      XfsIalloc ialloc = inodes.ialloc;
      long root = image.sb.rootIno;
      for (long ino :
          new long[] {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, root - 1, root + 3, root + 64}) {
        try (XfsTrans tp = image.begin()) {
          assertThatThrownBy(() -> ialloc.checkUsed(tp, ino)).isInstanceOf(ErrnoException.class);
          assertThatThrownBy(() -> ialloc.freeInode(tp, ino))
              .isInstanceOfSatisfying(
                  ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN));
        }
      }
      try (XfsTrans tp = image.begin()) {
        ialloc.checkUsed(tp, root);
        ialloc.checkUsed(tp, root + 2);
      }
    }
  }

  /** Damage behind the back of the verifiers. Whatever follows works or fails with an errno. */
  @Test
  void damageEndsWithAnErrno(@TempDir Path directory) throws Exception {
    System.out.println("XfsIallocTest: -Dpollux.seed=" + seed);
    try (InodeImage inodes = new InodeImage(directory, "-b size=1024 -d agcount=2", seed)) {
      AgImage image = inodes.image;
      XfsIalloc ialloc = inodes.ialloc;
      XfsIunlink iunlink = new XfsIunlink(image.ags, InodeImage.OPS);
      List<Long> inos = new ArrayList<>();
      for (int i = 0; i < 64 * 65; i++) {
        inos.add(inodes.alloc(image.sb.rootIno, StatMode.S_IFREG));
      }
      for (int i = 0; i < 300; i++) {
        inodes.free(inos.remove(random.nextInt(inos.size())));
      }
      int damaged = 0;
      for (int round = 0; round < 600; round++) {
        try (XfsTrans tp = image.begin()) { // cancelled
          damage(image, tp, inos);
          for (int i = 0; i < 5; i++) {
            long ino = inos.get(random.nextInt(inos.size()));
            switch (random.nextInt(5)) {
              case 0 -> ialloc.allocInode(tp, ino, StatMode.S_IFREG);
              case 1 -> ialloc.freeInode(tp, ino);
              case 2 -> iunlink.add(tp, ino);
              case 3 -> iunlink.remove(tp, ino);
              default -> iunlink.first(tp, 0, random.nextInt(64));
            }
          }
        } catch (ErrnoException e) {
          assertThat(e.errno()).as("seed %d", seed).isIn(Errno.EUCLEAN, Errno.ENOSPC);
          damaged++;
        }
      }
      assertThat(damaged).as("seed %d", seed).isGreaterThan(100);
      assertThat(image.mount.icount()).isEqualTo(64 * 66);
    }
  }

  private void damage(AgImage image, XfsTrans tp, List<Long> inos) throws ErrnoException {
    BufEdit edit = image.ags.agi(tp, 0).edit();
    int kind = random.nextInt(4);
    if (kind > 0) {
      long fsb = kind == 1 ? edit.u32(XfsAgi.ROOT) : edit.u32(XfsAgi.FREE_ROOT);
      BufOps type = kind == 1 ? image.ags.trees().inobt().ops() : image.ags.trees().finobt().ops();
      if (kind == 3) {
        fsb = image.sb.inoToFsb(inos.get(random.nextInt(inos.size())));
        type = InodeImage.OPS;
      }
      edit = tp.read(fsb << image.sb.blockLog, 1024, type, () -> "a block").edit();
      boolean node = kind < 3 && edit.u16(4) > 0;
      if (node && random.nextBoolean()) { // one of its leaves
        long leaf = edit.u32(56 + (1024 - 56) / 8 * 4 + 4 * random.nextInt(edit.u16(6)));
        edit = tp.read(leaf << image.sb.blockLog, 1024, type, () -> "a leaf").edit();
      }
    }
    for (int i = 0; i <= random.nextInt(3); i++) {
      int at = random.nextInt(kind == 0 ? 340 : 200) & ~3;
      switch (random.nextInt(4)) {
        case 0 -> edit.put32(at, random.nextInt());
        case 1 -> edit.put32(at, random.nextInt(2000));
        case 2 -> edit.put32(at, -1);
        default -> edit.put8(at + random.nextInt(4), random.nextInt(256));
      }
    }
  }
}
