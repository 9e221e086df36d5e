// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Trees of extents: good ones, and ones that lead astray. A tree that leads in circles must end.
 */
@Timeout(20)
final class XfsBmapTest {
  private static final long INO = 136;
  private static final long NODE = 100;
  private static final long LEAF_1 = 101;
  private static final long LEAF_2 = 102;

  private final TestImage image = new TestImage();
  private int inode;

  /** Root, a node, two leaves of three extents each: one block in every other, from block 0 on. */
  @BeforeEach
  void makeATree() {
    image.rootEntry("tree", INO);
    inode = image.inode(INO, 0100644, 3, 12 * TestImage.BLOCK, 6, 20);
    image.disk.putShort(inode + 176, (short) 2).putShort(inode + 178, (short) 1);
    image.disk.putLong(TestImage.rootPointer(inode, 0), NODE);
    image.sealInode(INO);
    int node = image.treeBlock(NODE, INO, 1, 2, -1, -1);
    image
        .disk
        .putLong(TestImage.pointer(node, 0), LEAF_1)
        .putLong(TestImage.pointer(node, 1), LEAF_2);
    image.sealTree(NODE);
    leaf(LEAF_1, 0, -1, LEAF_2);
    leaf(LEAF_2, 6, LEAF_1, -1);
  }

  private void leaf(long fsb, long off, long left, long right) {
    int at = image.treeBlock(fsb, INO, 0, 3, left, right);
    for (int i = 0; i < 3; i++) {
      image.extent(at + 72 + 16 * i, off + 2L * i, 200 + off + i, 1, i == 1);
    }
    image.sealTree(fsb);
  }

  private XfsExtentMap read() throws ErrnoException {
    try (MountedTree tree = image.mount()) {
      return ((XfsInode) tree.find("/tree").inode()).extents(tree.current);
    }
  }

  private void assertDamaged(String why) {
    assertThatThrownBy(this::read)
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN))
        .hasMessageContaining("inode 136")
        .hasMessageContaining(why);
  }

  @Test
  void good() throws ErrnoException {
    XfsExtentMap extents = read();
    assertThat(extents.count()).isEqualTo(6);
    assertThat(extents.startOff(5)).isEqualTo(10);
    assertThat(extents.startBlock(5)).isEqualTo(208);
    assertThat(extents.unwritten(4)).isTrue();
  }

  @Test
  void aNodeThatIsItsOwnChild() {
    image.disk.putLong(TestImage.pointer(TestImage.byteOf(NODE), 1), NODE);
    image.sealTree(NODE);
    assertDamaged("level 1 where 0 was expected");
  }

  @Test
  void aLeafTwice() {
    image.disk.putLong(TestImage.pointer(TestImage.byteOf(NODE), 1), LEAF_1);
    image.sealTree(NODE);
    assertDamaged("siblings");
  }

  @Test
  void aLeafTwiceWithSiblingsThatFit() {
    image.disk.putLong(TestImage.pointer(TestImage.byteOf(NODE), 1), LEAF_1);
    image.sealTree(NODE);
    leaf(LEAF_1, 0, -1, LEAF_1);
    assertDamaged("siblings");
  }

  @Test
  void leavesOutOfOrder() {
    leaf(LEAF_2, 3, LEAF_1, -1);
    assertDamaged("not in order");
  }

  @Test
  void siblingsBehindTheEnd() {
    leaf(LEAF_2, 6, LEAF_1, LEAF_1);
    assertDamaged("goes on behind its end");
  }

  @Test
  void anEmptyLeaf() {
    image.disk.putShort(TestImage.byteOf(LEAF_1) + 6, (short) 0);
    image.sealTree(LEAF_1);
    assertDamaged("0 records");
  }

  @Test
  void moreRecordsThanRoom() {
    image.disk.putShort(TestImage.byteOf(NODE) + 6, (short) 0xffff);
    image.sealTree(NODE);
    assertDamaged("65535 records");
  }

  @Test
  void pointersOutside() {
    image.disk.putLong(TestImage.pointer(TestImage.byteOf(NODE), 0), -1);
    image.sealTree(NODE);
    assertDamaged("outside the filesystem");
  }

  @Test
  void blocksOfOthers() {
    image.disk.putLong(TestImage.byteOf(LEAF_1) + 56, INO + 1);
    image.sealTree(LEAF_1);
    assertDamaged("another file");
    image
        .disk
        .putLong(TestImage.byteOf(LEAF_1) + 56, INO)
        .put(TestImage.byteOf(LEAF_1) + 40, (byte) 0);
    image.sealTree(LEAF_1);
    assertDamaged("another filesystem");
    image
        .disk
        .put(TestImage.byteOf(LEAF_1) + 40, TestImage.UUID)
        .putLong(TestImage.byteOf(LEAF_1) + 24, 1);
    image.sealTree(LEAF_1);
    assertDamaged("another place");
  }

  @Test
  void aBadChecksum() {
    image.disk.put(TestImage.byteOf(LEAF_2) + 3000, (byte) 1);
    assertDamaged("bad checksum");
  }

  @Test
  void anotherNumberOfExtents() {
    image.disk.putLong(inode + 24, 5);
    image.sealInode(INO);
    assertDamaged("more extents");
    image.disk.putLong(inode + 24, 7);
    image.sealInode(INO);
    assertThatThrownBy(this::read).hasMessageContaining("6 extents, while");
    image.disk.putLong(inode + 24, (1L << 48) - 1).putLong(inode + 64, -1);
    image.sealInode(INO);
    assertThatThrownBy(this::read).hasMessageContaining("6 extents, while");
    image.disk.putLong(inode + 24, -1);
    image.sealInode(INO);
    assertDamaged("more extents than blocks");
  }

  @Test
  void aRootThatCantBe() {
    image.disk.putShort(inode + 176, (short) 0);
    image.sealInode(INO);
    assertDamaged("0 levels");
    image.disk.putShort(inode + 176, (short) 60_000);
    image.sealInode(INO);
    assertDamaged("60000 levels");
    image.disk.putShort(inode + 176, (short) 2).putShort(inode + 178, (short) 60_000);
    image.sealInode(INO);
    assertDamaged("60000 records");
  }

  @Test
  void damageIsTheFilesOwn() throws ErrnoException {
    image.disk.putShort(inode + 176, (short) 0);
    image.sealInode(INO);
    try (MountedTree tree = image.mount()) {
      assertThatThrownBy(() -> tree.sum("/tree", false, 0, 10))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN));
      assertThat(tree.describe("/tree", tree.find("/tree").inode())).contains("\t49152\t160\t");
      assertThat(tree.list("/", 10)).hasSize(3);
    }
  }
}
