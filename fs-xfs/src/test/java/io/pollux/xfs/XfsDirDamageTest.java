// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.trans.XfsTrans;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Changes directories and attributes whose blocks were forged: wrong contents, right checksums.
 * Each change succeeds or fails with an errno.
 */
class XfsDirDamageTest {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int FILES = 4;

  private static String proto() {
    StringBuilder proto = new StringBuilder("none\n0 0\nd--755 0 0\n");
    int[] sizes = {6, 20, 90, 700};
    for (int i = 0; i < FILES; i++) {
      proto.append("d").append(i).append(" d--755 0 0\n");
      MkfsImage.names(sizes[i])
          .forEach(name -> proto.append(name).append(" ---644 0 0 /dev/null\n"));
      proto.append("$\n");
    }
    return proto.append("$\n").toString();
  }

  private static XfsInode inode(MountedTree tree, int i) throws ErrnoException {
    return ((XfsInode) tree.sb.root()).lookup(tree.current, MountedTree.bytes("d" + i));
  }

  private static void step(MountedTree tree, int file, Random random) throws ErrnoException {
    XfsInode dir = inode(tree, file);
    byte[] name = MountedTree.bytes("name-" + random.nextInt(800));
    try (XfsTrans tp = ((XfsMount) tree.sb).trans().begin(tree.current, 64)) {
      XfsInodeEdit dp = XfsInodeEdit.of(tp, dir);
      long ino = XfsDir2Write.lookup(dp, name);
      int what = random.nextInt(5);
      if (what == 0) {
        byte[] value = random.nextInt(3) == 0 ? null : new byte[random.nextInt(1500)];
        XfsAttr.set(dp, 0, MountedTree.bytes("a" + random.nextInt(40)), value, 0);
      } else if (what == 1) {
        XfsDir2Write.replaceParent(dp, dir.ino());
      } else if (ino == XfsDir2.NOT_FOUND) {
        XfsDir2Write.create(dp, name, dir.ino(), 1);
      } else {
        XfsDir2Write.remove(dp, name, ino);
      }
      tp.commit();
    }
  }

  /** A block, and where its checksum is. */
  private record Block(long position, int length, int crc) {}

  private static void addBlocks(MountedTree tree, int file, List<Block> to) throws ErrnoException {
    XfsInode dir = inode(tree, file);
    XfsMount mp = (XfsMount) tree.sb;
    long fsb = mp.sb().inoToFsb(dir.ino());
    to.add(
        new Block(mp.sb().fsbToByte(fsb) + mp.sb().inoToOffset(dir.ino()), mp.sb().inodeSize, 100));
    for (boolean attr : new boolean[] {false, true}) {
      boolean none = attr && dir.core().anextents() == 0;
      if (none || (!attr && dir.format() == XfsInodeBuf.Format.LOCAL)) {
        continue;
      }
      XfsExtentMap map = attr ? dir.attrExtents(tree.current) : dir.extents(tree.current);
      for (int i = 0; i < map.count(); i++) {
        XfsExtentMap.Rec rec = map.get(i);
        for (long at = 0; at < rec.blockCount(); at++) {
          boolean index = attr || rec.startOff() >= mp.dirGeo().leafBlk;
          boolean free = !attr && rec.startOff() >= mp.dirGeo().freeBlk;
          to.add(
              new Block(
                  mp.sb().fsbToByte(rec.startBlock() + at),
                  mp.sb().blockSize,
                  index && !free ? 12 : 4));
        }
      }
    }
  }

  private static void forge(MemorySegment disk, Block block, Random random) {
    MemorySegment part = disk.asSlice(block.position, block.length);
    int header = random.nextInt(3) == 0 ? block.length : 128;
    for (int i = random.nextInt(3); i >= 0; i--) {
      int at = random.nextInt(Math.min(header, block.length) - 4);
      if (block.length == 512) { // an inode: its forks
        at = 176 + random.nextInt(block.length - 180);
      }
      switch (random.nextInt(4)) {
        case 0 -> part.set(INT, at, random.nextInt());
        case 1 -> part.set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
        case 2 -> part.set(ValueLayout.JAVA_BYTE, at, (byte) (random.nextInt(3) - 1));
        default -> part.set(INT, at & ~3, part.get(INT, random.nextInt(block.length / 4) * 4L));
      }
    }
    part.set(INT, block.crc, 0);
    CRC32C crc = new CRC32C();
    crc.update(part.asByteBuffer());
    part.set(INT, block.crc, Integer.reverseBytes((int) crc.getValue()));
  }

  @Test
  @Timeout(300)
  void forgedBlocks(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    long seed = Long.getLong("xfs.seed", System.nanoTime());
    System.out.println("XfsDirDamageTest seed " + seed);
    Path image = WritableTree.mkfs(directory, proto(), "-b size=1024");
    List<Block> blocks = new ArrayList<>();
    try (WritableTree tree = new WritableTree(image)) {
      Random random = new Random(seed);
      for (int i = 0; i < 400; i++) {
        changeOne(tree.tree, random);
      }
      for (int i = 0; i < FILES; i++) {
        addBlocks(tree.tree, i, blocks);
      }
    }
    int failed = 0;
    int images = Integer.getInteger("xfs.images", 60);
    for (int i = 0; i < images; i++) {
      Random random = new Random(seed + i);
      try (Arena arena = Arena.ofShared();
          FileChannel file =
              FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        MemorySegment disk = file.map(FileChannel.MapMode.PRIVATE, 0, file.size(), arena);
        for (int n = 0; n < 3; n++) {
          forge(disk, blocks.get(random.nextInt(blocks.size())), random);
        }
        failed += change(disk, random);
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + (seed + i), e);
      }
    }
    assertThat(failed).isPositive();
  }

  /** Changes a directory. Returns 1 if that failed. */
  private static int changeOne(MountedTree tree, Random random) {
    try {
      step(tree, random.nextInt(FILES), random);
      return 0;
    } catch (ErrnoException e) {
      return 1;
    }
  }

  private static int change(MemorySegment disk, Random random) throws ErrnoException {
    int failed = 0;
    MountedTree tree =
        new MountedTree(
            new HeldDisk(disk)
                .letThrough()
                .disk("image", TestImage.DEV, HeldDisk.TAGS, QueueLimits.of(512), false),
            "");
    for (int step = 0; step < 60; step++) {
      failed += changeOne(tree, random);
    }
    try {
      tree.close();
    } catch (ErrnoException e) {
      failed++; // a block that no longer verifies
    }
    return failed;
  }
}
