// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A directory with a data block, a node and two leaves, and damage to them. No walk may loop. */
@Timeout(20)
final class XfsDir2Test {
  private static final long INO = 136;
  private static final long DATA = 100;
  private static final long NODE = 101;
  private static final long LEAF_1 = 102;
  private static final long LEAF_2 = 103;
  private static final int LEAF_BLK = 1 << 23; // 32 GiB in blocks
  private static final int HASH = XfsDaEntries.hashName(new byte[] {'x'});

  private final TestImage image = new TestImage();

  /**
   * The name x is in the second leaf: the first has nothing of that hash but entries of names that
   * are gone.
   */
  @BeforeEach
  void makeADirectory() {
    image.rootEntry("dir", INO);
    int inode = image.inode(INO, 0040755, 2, TestImage.BLOCK, 2, 4);
    image.extent(inode + 176, 0, DATA, 1, false);
    image.extent(inode + 192, LEAF_BLK, NODE, 3, false);
    image.sealInode(INO);
    data();
    node(1, LEAF_BLK + 1, LEAF_BLK + 2);
    leaf(LEAF_1, LEAF_BLK + 2, 0, 0);
    leaf(LEAF_2, 0, 0, dataptrOfX());
  }

  private static int dataptrOfX() {
    return (64 + 16 + 16) >> 3;
  }

  private void data() {
    int at = TestImage.byteOf(DATA);
    image
        .disk
        .putInt(at, 0x58444433)
        .putLong(at + 8, at / 512)
        .put(at + 24, TestImage.UUID)
        .putLong(at + 40, INO);
    entry(at, 64, ".", INO);
    entry(at, 80, "..", TestImage.ROOT);
    entry(at, 96, "x", TestImage.ROOT);
    image
        .disk
        .putShort(at + 112, (short) 0xffff)
        .putShort(at + 114, (short) (TestImage.BLOCK - 112));
    image.disk.putShort(at + TestImage.BLOCK - 2, (short) 112);
    sealData();
  }

  private void entry(int block, int off, String name, long ino) {
    byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
    image
        .disk
        .putLong(block + off, ino)
        .put(block + off + 8, (byte) bytes.length)
        .put(block + off + 9, bytes);
    image
        .disk
        .put(block + off + 9 + bytes.length, (byte) 2)
        .putShort(block + off + 14, (short) off);
  }

  private void sealData() {
    image.seal(TestImage.byteOf(DATA), TestImage.BLOCK, 4);
  }

  private int index(long fsb, int magic, int forw, int count) {
    int at = TestImage.byteOf(fsb);
    image.disk.putInt(at, forw).putShort(at + 8, (short) magic).putLong(at + 16, at / 512);
    image.disk.put(at + 32, TestImage.UUID).putLong(at + 48, INO).putShort(at + 56, (short) count);
    return at;
  }

  private void node(int level, int... children) {
    int at = index(NODE, 0x3ebe, 0, children.length);
    image.disk.putShort(at + 58, (short) level);
    for (int i = 0; i < children.length; i++) {
      image.disk.putInt(at + 64 + 8 * i, HASH).putInt(at + 68 + 8 * i, children[i]);
    }
    image.seal(at, TestImage.BLOCK, 12);
  }

  private void leaf(long fsb, int forw, int... dataptrs) {
    int at = index(fsb, 0x3dff, forw, dataptrs.length);
    for (int i = 0; i < dataptrs.length; i++) {
      image.disk.putInt(at + 64 + 8 * i, HASH).putInt(at + 68 + 8 * i, dataptrs[i]);
    }
    image.seal(at, TestImage.BLOCK, 12);
  }

  private void assertLookupFails(int errno, String why) {
    assertThatThrownBy(
            () -> {
              try (MountedTree tree = image.mount()) {
                tree.find("/dir/x");
              }
            })
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno))
        .hasMessageContaining(why);
  }

  private void assertListingFails() throws ErrnoException {
    try (MountedTree tree = image.mount()) {
      assertThatThrownBy(() -> tree.list("/dir", 100))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN));
    }
  }

  @Test
  void good() throws ErrnoException {
    try (MountedTree tree = image.mount()) {
      byte[] x = {'x'};
      assertThat(tree.find("/dir").inode().lookup(tree.current, x)).isSameAs(tree.sb.root());
      // found, but no path goes from a directory to one above it
      assertLookupFails(Errno.ELOOP, "");
      assertThatThrownBy(() -> tree.find("/dir/y")).hasMessageContaining("No such file");
      for (int atOnce = 1; atOnce < 5; atOnce++) {
        assertThat(tree.list("/dir", atOnce))
            .extracting(MountedTree.Entry::name)
            .containsExactly(".", "..", "x");
      }
      assertThat(tree.list("/dir", 9))
          .extracting(MountedTree.Entry::next)
          .containsExactly(10L, 12L, 14L);
    }
  }

  @Test
  void leavesThatGoInCircles() {
    leaf(LEAF_2, LEAF_BLK + 1, 0, 0);
    assertLookupFails(Errno.EUCLEAN, "circles");
    leaf(LEAF_1, LEAF_BLK + 1, 0, 0);
    assertLookupFails(Errno.EUCLEAN, "circles");
  }

  @Test
  void leavesThatLeadElsewhere() {
    leaf(LEAF_1, LEAF_BLK, 0);
    assertLookupFails(Errno.EUCLEAN, "not a leaf");
    leaf(LEAF_1, LEAF_BLK + 3, 0);
    assertLookupFails(Errno.EUCLEAN, "is missing");
    leaf(LEAF_1, 1, 0);
    assertLookupFails(Errno.EUCLEAN, "outside the index");
  }

  @Test
  void nodesThatGoInCircles() {
    node(1, LEAF_BLK);
    assertLookupFails(Errno.EUCLEAN, "not a leaf");
    node(5, LEAF_BLK);
    assertLookupFails(Errno.EUCLEAN, "not a node of level 4");
    node(6, LEAF_BLK);
    assertLookupFails(Errno.EUCLEAN, "more entries");
    node(2, LEAF_BLK + 1);
    assertLookupFails(Errno.EUCLEAN, "not a node of level 1");
  }

  @Test
  void indexesThatPointAstray() {
    for (int dataptr : new int[] {1, 9, 11, 14, 511, 512, -1}) {
      leaf(LEAF_1, 0, dataptr);
      assertLookupFails(Errno.EUCLEAN, "inode 136");
    }
    leaf(LEAF_1, 0, 8);
    assertLookupFails(Errno.ENOENT, "No such file");
  }

  @Test
  void hashesOutOfOrder() {
    int at = TestImage.byteOf(LEAF_1);
    image.disk.putInt(at + 64, -1);
    image.seal(at, TestImage.BLOCK, 12);
    assertLookupFails(Errno.EUCLEAN, "not in order");
  }

  @Test
  void moreEntriesThanRoom() {
    int at = index(LEAF_1, 0x3dff, 0, 0xffff);
    image.seal(at, TestImage.BLOCK, 12);
    assertLookupFails(Errno.EUCLEAN, "more entries");
  }

  @Test
  void entriesThatCantBe() throws ErrnoException {
    int at = TestImage.byteOf(DATA);
    int[][] changes = {
      {114, 0}, // free space of no length: a walk would stay there
      {114, 7},
      {114, 0xfff8},
      {110, 97}, // an entry with another's offset
      {102, 0}, // an inode beyond the filesystem is number 0
      {104, 0x00ff}, // a name of no length
      {104, 0xff00} // a name over the next entry
    };
    for (int[] change : changes) {
      data();
      image.disk.putShort(at + change[0], (short) change[1]);
      sealData();
      assertListingFails();
      assertLookupFails(Errno.EUCLEAN, "a bad entry");
    }
    data();
    image.disk.put(at + 105, (byte) '/');
    sealData();
    assertListingFails();
  }

  @Test
  void aDirectoryWithoutBlocks() throws ErrnoException {
    image.inode(INO, 0040755, 2, TestImage.BLOCK, 0, 0);
    image.sealInode(INO);
    assertLookupFails(Errno.EUCLEAN, "is missing");
    try (MountedTree tree = image.mount()) {
      assertThat(tree.list("/dir", 10)).isEmpty();
    }
  }

  @Test
  void shortFormsThatCantBe() throws ErrnoException {
    int inode = image.inode(INO, 0040755, 1, 6, 0, 0);
    image
        .disk
        .put(inode + 176, (byte) 255)
        .put(inode + 177, (byte) 0)
        .putInt(inode + 178, (int) TestImage.ROOT);
    image.sealInode(INO);
    assertListingFails();
    image.disk.put(inode + 176, (byte) 0).putInt(inode + 178, -1); // the parent
    image.sealInode(INO);
    assertListingFails();
    image.disk.putLong(inode + 56, 7).putInt(inode + 178, (int) TestImage.ROOT);
    image.sealInode(INO);
    assertListingFails();
    image.disk.putLong(inode + 56, 5000);
    image.sealInode(INO);
    assertLookupFails(Errno.EUCLEAN, "more data than fits");
  }

  @Test
  void namesThatAreTooLong() throws ErrnoException {
    try (MountedTree tree = image.mount()) {
      assertThatThrownBy(() -> tree.sb.root().lookup(tree.current, new byte[256]))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENAMETOOLONG));
    }
  }
}
