// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Statfs;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The images that mount, and the ones that are refused, by name. */
@Timeout(60)
final class Gfs2MountTest {
  @Test
  void mountsWhatIsGood() throws ErrnoException {
    try (TinyImage image = new TinyImage();
        MountedImage mounted = image.mount()) {
      assertThat(mounted.sdp.readOnly()).isTrue();
      assertThat(mounted.sdp.dev()).isEqualTo(0x800);
      assertThat(mounted.sdp.root().ino()).isEqualTo(TinyImage.ROOT);
      assertThat(mounted.sdp.rgrps().count()).isEqualTo(1);
      assertThat(mounted.list("/", 10))
          .extracting(MountedImage.Entry::name)
          .containsExactlyInAnyOrder(".", "..");
      assertThatThrownBy(() -> mounted.find("/nothing")).hasMessageContaining("No such file");
    }
  }

  @Test
  void tellsWhatIsFree() throws ErrnoException {
    try (TinyImage image = new TinyImage()) {
      int counts = TinyImage.at(24) + TinyImage.DINODE;
      image.disk.putLong(counts, 1000).putLong(counts + 8, 300).putLong(counts + 16, 20);
      try (MountedImage mounted = image.mount()) {
        long statfs = mounted.buffer;
        mounted.sdp.fillStatfs(mounted.current, statfs);
        assertThat(Statfs.fType(statfs)).isEqualTo(0x01161970);
        assertThat(Statfs.fBsize(statfs)).isEqualTo(TinyImage.BLOCK);
        assertThat(Statfs.fBlocks(statfs)).isEqualTo(1000);
        assertThat(Statfs.fBfree(statfs)).isEqualTo(300);
        assertThat(Statfs.fBavail(statfs)).isEqualTo(300);
        assertThat(Statfs.fFiles(statfs)).isEqualTo(320);
        assertThat(Statfs.fFfree(statfs)).isEqualTo(300);
        assertThat(Statfs.fFlags(statfs) & Statfs.ST_RDONLY).isEqualTo(Statfs.ST_RDONLY);
      }
      image.disk.putLong(TinyImage.at(24) + 56, 23);
      try (MountedImage mounted = image.mount()) {
        assertThatThrownBy(() -> mounted.sdp.fillStatfs(mounted.current, mounted.buffer))
            .hasMessageContaining("too short");
      }
    }
  }

  @Test
  void recognisesTheMagicNumber() {
    try (TinyImage image = new TinyImage()) {
      MemorySegment head = RawMemory.segment(image.ram.address(), 68 << 10);
      assertThat(new Gfs2FileSystem().name()).isEqualTo("gfs2");
      assertThat(new Gfs2FileSystem().recognises(head)).isTrue();
      assertThat(new Gfs2FileSystem().recognises(head.asSlice(0, 64 << 10))).isFalse();
      image.disk.putInt(TinyImage.SB + 4, 2);
      assertThat(new Gfs2FileSystem().recognises(head)).isFalse();
    }
  }

  private static void assertRefused(
      Consumer<TinyImage> change, String options, int errno, String why) {
    try (TinyImage bad = new TinyImage()) {
      change.accept(bad);
      assertThatThrownBy(() -> new MountedImage(bad, options, LockNolock.INSTANCE).close())
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno))
          .hasMessageContaining(why);
    }
  }

  private static void assertRefused(Consumer<TinyImage> change, int errno, String why) {
    assertRefused(change, "ro", errno, why);
  }

  @Test
  void refusesToWrite() {
    try (TinyImage image = new TinyImage()) {
      assertThatThrownBy(
              () ->
                  new MountedImage(
                          image.ram.disk("tiny", 1, true),
                          MountedImage.READ_WRITE,
                          LockNolock.INSTANCE)
                      .close())
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES))
          .hasMessageContaining("can't be written to");
    }
    assertRefused(
        bad -> bad.logHeader(700, 2, 2),
        MountedImage.READ_WRITE,
        Errno.EROFS,
        "journal 0 is dirty");
    assertRefused(image -> {}, "rw,norecovery", Errno.EINVAL, "must be read-only");
  }

  @Test
  void refusesOptionsThatItDoesNotHave() {
    assertRefused(image -> {}, "ro,quota=on", Errno.EINVAL, "gfs2 has no option 'quota'; it has");
    assertRefused(image -> {}, "rw,spectator", Errno.EINVAL, "must be read-only");
  }

  @Test
  void refusesWhatIsNoGfs2() {
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB, 0), Errno.EINVAL, "not a GFS2");
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB + 4, 4), Errno.EINVAL, "not a GFS2");
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB + 24, 1309), Errno.EINVAL, "format 1309");
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB + 28, 1401), Errno.EINVAL, "1401");
    try (RamDisk small = new RamDisk(64 << 10)) {
      assertThatThrownBy(
              () ->
                  new MountedImage(small.disk("small", 1, true), "ro", LockNolock.INSTANCE).close())
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
          .hasMessageContaining("too small");
    }
  }

  @Test
  void refusesTheFilesystemOfAClusterUnlessNoOtherNodeUsesIt() throws ErrnoException {
    byte[] dlm = "lock_dlm\0\0\0".getBytes(StandardCharsets.US_ASCII);
    assertRefused(bad -> bad.disk.put(TinyImage.SB + 96, dlm), Errno.EINVAL, "cluster (lock_dlm)");
    try (TinyImage image = new TinyImage()) {
      image.disk.put(TinyImage.SB + 96, dlm);
      new MountedImage(image, "ro,norecovery", LockNolock.INSTANCE).close();
    }
  }

  @Test
  void refusesBadGeometry() {
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB + 36, 3000), Errno.EIO, "blocks of 3000");
    assertRefused(bad -> bad.disk.putInt(TinyImage.SB + 40, 11), Errno.EIO, "blocks of 4096");
    assertRefused(
        bad -> bad.disk.putInt(TinyImage.SB + 36, 8192).putInt(TinyImage.SB + 40, 13),
        Errno.EIO,
        "8192");
    int entry = TinyImage.at(TinyImage.RINDEX) + TinyImage.DINODE;
    assertRefused(
        bad -> bad.disk.putInt(entry + 24, 3000).putInt(entry + 28, 750), Errno.EIO, "truncated");
    assertRefused(bad -> bad.disk.putLong(entry, -1), Errno.EIO, "can't be");
    assertRefused(bad -> bad.disk.putInt(entry + 8, 0), Errno.EIO, "can't be");
    assertRefused(bad -> bad.disk.putInt(entry + 28, 5), Errno.EIO, "can't be");
    assertRefused(bad -> bad.disk.putInt(entry + 28, 1 << 20), Errno.EIO, "can't be");
    int rindex = TinyImage.at(TinyImage.RINDEX);
    assertRefused(bad -> bad.disk.putLong(rindex + 56, 95), Errno.EIO, "95 bytes");
    assertRefused(bad -> bad.disk.putLong(rindex + 56, 0), Errno.EIO, "0 bytes");
  }

  @Test
  void refusesBadSystemFiles() {
    assertRefused(bad -> bad.disk.putLong(TinyImage.SB + 56, 19), Errno.EIO, "inode 19");
    assertRefused(bad -> bad.disk.putLong(TinyImage.SB + 56, -5), Errno.EIO, "outside");
    assertRefused(
        bad -> bad.disk.putLong(TinyImage.SB + 48, 99),
        Errno.EIO,
        "another one than the directory says");
    assertRefused(
        bad -> bad.disk.putLong(TinyImage.SB + 88, 23).putLong(TinyImage.SB + 80, 23),
        Errno.EIO,
        "root");
    assertRefused(bad -> bad.mark(TinyImage.MASTER, 1), Errno.EIO, "bitmap");
    assertRefused(
        bad -> bad.disk.putInt(TinyImage.at(TinyImage.RGRP) + 4, 3), Errno.EIO, "type 3 where");
    assertRefused(
        bad -> bad.disk.putInt(TinyImage.at(26) + 40, 0100644), Errno.EIO, "another type");
  }

  @Test
  void refusesADirtyJournal() throws ErrnoException {
    Consumer<TinyImage> dirty = bad -> bad.logHeader(700, 2, 2);
    assertRefused(dirty, Errno.EROFS, "journal 0 is dirty");
    try (TinyImage image = new TinyImage()) {
      dirty.accept(image);
      new MountedImage(image, "ro,norecovery", LockNolock.INSTANCE).close();
      image.logHeader(1999, 3, 1); // newer, and an unmount
      image.mount().close();
      image.logHeader(2000, 4, 0);
      // torn: does not count
      image.disk.putInt(TinyImage.at(TinyImage.JOURNAL_DATA + 2000) + 24, 1);
      image.mount().close();
      image.logHeader(2001, -4, 0); // numbers are unsigned
      assertThatThrownBy(() -> image.mount().close()).hasMessageContaining("dirty");
    }
  }

  @Test
  void refusesABadJournal() {
    int journal = TinyImage.at(TinyImage.JOURNAL);
    assertRefused(
        bad -> bad.disk.putInt(TinyImage.at(TinyImage.JOURNAL_DATA) + 44, 0),
        Errno.EIO,
        "no log header");
    assertRefused(
        bad -> bad.disk.putInt(TinyImage.at(TinyImage.JOURNAL_DATA) + 48, 5),
        Errno.EIO,
        "no log header");
    assertRefused(bad -> bad.disk.putLong(journal + 56, 4 << 20), Errno.EIO, "can't be one");
    assertRefused(bad -> bad.disk.putLong(journal + 56, Long.MAX_VALUE), Errno.EIO, "can't be one");
    assertRefused(
        bad -> bad.disk.putLong(journal + TinyImage.DINODE + 8, 0), Errno.EIO, "has a hole");
    assertRefused(
        bad -> bad.disk.putLong(journal + TinyImage.DINODE + 8, 5), Errno.EIO, "points to block 5");
  }

  @Test
  void anInodeIsOneObjectAndSoIsItsGlock() throws ErrnoException {
    try (TinyImage image = new TinyImage()) {
      image.stuffed(TinyImage.FREE, 3);
      image.entry(TinyImage.ROOT, "one", TinyImage.FREE, 8);
      try (MountedImage mounted = image.mount()) {
        Gfs2Inode ip = mounted.find("/one");
        assertThat(mounted.find("/one")).isSameAs(ip);
        assertThat(ip.glock()).isSameAs(mounted.sdp.glock(Gfs2LockName.Type.INODE, TinyImage.FREE));
        assertThat(ip.glock().object()).isSameAs(ip);
        assertThat(ip.sb()).isSameAs(mounted.sdp);
      }
    }
  }
}
