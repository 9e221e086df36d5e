// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The images that mount, and the ones that are refused, by name. */
final class XfsMountTest {
  private final TestImage image = new TestImage();

  @Test
  void mountsWhatIsGood() throws ErrnoException {
    try (MountedTree tree = image.mount()) {
      assertThat(tree.sb.readOnly()).isTrue();
      assertThat(tree.sb.dev()).isEqualTo(TestImage.DEV);
      assertThat(tree.sb.root().ino()).isEqualTo(TestImage.ROOT);
      assertThat(tree.list("/", 10)).extracting(MountedTree.Entry::name).containsExactly(".", "..");
      assertThatThrownBy(() -> tree.find("/nothing")).hasMessageContaining("No such file");
    }
  }

  @Test
  void recognisesTheMagicNumber() {
    MemorySegment head = MemorySegment.ofArray(image.disk.array());
    assertThat(new XfsFileSystem().name()).isEqualTo("xfs");
    assertThat(new XfsFileSystem().recognises(head)).isTrue();
    assertThat(new XfsFileSystem().recognises(head.asSlice(0, 3))).isFalse();
    assertThat(new XfsFileSystem().recognises(head.asSlice(512))).isFalse();
  }

  private void assertRefused(Consumer<TestImage> change, int errno, String why) {
    TestImage bad = new TestImage();
    change.accept(bad);
    bad.sealSuper();
    assertRefused(bad.device(), "ro", errno, why);
  }

  private static void assertRefused(BlockDevice device, String options, int errno, String why) {
    assertThatThrownBy(() -> new MountedTree(device, options).close())
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno))
        .hasMessageContaining(why);
  }

  @Test
  void refusesToWrite() {
    assertRefused(image.device(), "rw", Errno.EACCES, "can't be written to");
    assertRefused(image.device(), "rw,norecovery", Errno.EINVAL, "must be read-only");
    image.disk.putInt(212, 1 << 20);
    image.sealSuper();
    BlockDevice device = image.writable().disk();
    assertRefused(device, "rw", Errno.EINVAL, "0x100000");
  }

  @Test
  void refusesOptionsThatItDoesNotHave() {
    assertRefused(
        image.device(),
        "ro,quota=user",
        Errno.EINVAL,
        "xfs has no option 'quota'; it has only norecovery");
  }

  private static void assertRemountRefused(MountedTree tree, String options, String why) {
    assertThatThrownBy(() -> remount(tree, options))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessageContaining(why);
  }

  private static void remount(MountedTree tree, String options) throws ErrnoException {
    Options words = Options.parse(options);
    tree.sb.remount(tree.current, words.readOnly(true), words);
  }

  @Test
  void aMountWithoutRecoveryStaysReadOnlyAndNoOtherBecomesOne() throws ErrnoException {
    try (MountedTree tree = new MountedTree(image.device(), "ro,norecovery")) {
      remount(tree, "ro,norecovery");
      assertRemountRefused(tree, "rw", "stays read-only");
      assertRemountRefused(tree, "ro,quota", "no option 'quota'");
    }
    try (MountedTree tree = new MountedTree(image.device(), "ro")) {
      remount(tree, "rw");
      assertRemountRefused(tree, "ro,norecovery", "can't change norecovery");
    }
  }

  @Test
  void refusesWhatIsNoXfs() {
    assertRefused(bad -> bad.disk.putInt(0, 0), Errno.EINVAL, "not an XFS");
    BlockDevice tiny = new HeldDisk(MemorySegment.ofArray(new byte[100])).letThrough().disk(true);
    assertRefused(tiny, "ro", Errno.EINVAL, "empty");
  }

  @Test
  void refusesFeaturesByName() {
    assertRefused(bad -> bad.disk.putShort(100, (short) 0xb4a4), Errno.EINVAL, "version 4");
    assertRefused(bad -> bad.disk.putInt(216, 0x4000_0003), Errno.EINVAL, "0x40000000");
    assertRefused(bad -> bad.disk.putInt(216, 0x13), Errno.EINVAL, "needs repair");
    assertRefused(bad -> bad.disk.putShort(100, (short) 0xf4a5), Errno.EINVAL, "ascii-ci");
    assertRefused(bad -> bad.disk.putLong(48, 0), Errno.EINVAL, "external log");
    assertRefused(bad -> bad.disk.put(126, (byte) 1), Errno.EINVAL, "did not finish");
  }

  @Test
  void readOnlyFeaturesThatAreNotKnownAreNoHindrance() throws ErrnoException {
    image.disk.putInt(212, -16).putInt(220, -1); // ro_compat, log_incompat
    image.sealSuper();
    image.mount().close();
  }

  @Test
  void metadataMayHaveAnotherUuidThanTheUserSees() throws ErrnoException {
    image
        .disk
        .putInt(216, image.disk.getInt(216) | 4)
        .put(248, TestImage.UUID)
        .put(32, new byte[16]);
    image.sealSuper();
    image.mount().close();
    assertRefused(bad -> bad.disk.put(32, new byte[16]), Errno.EUCLEAN, "another filesystem");
  }

  @Test
  void refusesBadGeometry() {
    image.disk.put(33, (byte) 'x');
    assertRefused(image.device(), "ro", Errno.EUCLEAN, "superblock: bad checksum");
    assertRefused(bad -> bad.disk.putLong(8, 3000), Errno.EIO, "truncated");
    assertRefused(bad -> bad.disk.putLong(8, -1), Errno.EUCLEAN, "number of blocks");
    assertRefused(bad -> bad.disk.putInt(4, 8192), Errno.EUCLEAN, "blocks of 8192");
    assertRefused(
        bad -> bad.disk.putInt(4, 512).put(120, (byte) 9), Errno.EUCLEAN, "blocks of 512");
    assertRefused(bad -> bad.disk.putInt(84, 0), Errno.EUCLEAN, "groups");
    assertRefused(bad -> bad.disk.putInt(88, -1), Errno.EUCLEAN, "groups");
    assertRefused(bad -> bad.disk.put(124, (byte) 60), Errno.EUCLEAN, "groups");
    assertRefused(bad -> bad.disk.putShort(102, (short) 513), Errno.EUCLEAN, "sectors of 513");
    assertRefused(bad -> bad.disk.putShort(104, (short) 256), Errno.EUCLEAN, "inodes of 256");
    assertRefused(bad -> bad.disk.put(123, (byte) 63), Errno.EUCLEAN, "inodes of 512");
    assertRefused(bad -> bad.disk.put(192, (byte) 5), Errno.EUCLEAN, "directory blocks");
    assertRefused(bad -> bad.disk.putInt(96, -1), Errno.EUCLEAN, "the log is outside");
    assertRefused(bad -> bad.disk.putLong(48, Long.MIN_VALUE), Errno.EUCLEAN, "the log is outside");
    assertRefused(bad -> bad.disk.putLong(56, -1), Errno.EUCLEAN, "root directory is outside");
    assertRefused(bad -> bad.disk.putLong(56, TestImage.ROOT + 1), Errno.EUCLEAN, "no inode");
  }

  @Test
  void refusesADeviceWithLargerBlocksThanTheFilesystem() {
    HeldDisk disk = new HeldDisk(MemorySegment.ofArray(image.disk.array())).letThrough();
    assertRefused(
        disk.disk(HeldDisk.TAGS, QueueLimits.of(4096), true),
        "ro",
        Errno.EINVAL,
        "can't read less than 4096");
  }

  @Test
  void refusesAGroupWithBadHeaders() {
    for (int header = 1; header <= 3; header++) {
      int at = header * 512 + 12;
      assertRefused(bad -> bad.disk.put(at, (byte) 0x7f), Errno.EUCLEAN, "group 0");
    }
  }

  @Test
  void aBadGroupIsNoMatterToFilesInOthers() throws ErrnoException {
    image.rootEntry("far", (1L << 13) + 800); // in the second group
    image.inode((1L << 13) + 800, 0100644, 2, 0, 0, 0);
    image.sealInode((1L << 13) + 800);
    image.mount().close();
    image.disk.put(TestImage.AG_BLOCKS * TestImage.BLOCK + 520, (byte) 1);
    try (MountedTree tree = image.mount()) {
      assertThat(tree.list("/", 10)).hasSize(3);
      assertThatThrownBy(() -> tree.find("/far")).hasMessageContaining("group 1");
    }
  }

  @Test
  void anInodeIsOneObject() throws ErrnoException {
    image.rootEntry("one", 136);
    image.inode(136, 0100644, 2, 0, 0, 0);
    image.sealInode(136);
    try (MountedTree tree = image.mount()) {
      assertThat(tree.find("/one").inode()).isSameAs(tree.find("/one").inode());
      assertThat(tree.find("/one").inode().sb()).isSameAs(tree.sb);
    }
  }
}
