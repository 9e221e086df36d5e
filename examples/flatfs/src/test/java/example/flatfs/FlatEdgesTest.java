// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Limits of flatfs, crafted disks, and power cuts at chosen places. */
@Timeout(120)
class FlatEdgesTest {
  private static final int BYTES = 16 << 20;
  private static final int SLOT = 64 << 10;
  private static final int PIECE = 256 << 10;
  private static final int SEQ = 16; // place in a slot
  private static final int SIZE = 26; // place in the slot of an inode
  private static final int NEVER = 1 << 30; // writes

  private final FlatFs type = new FlatFs();
  private final byte[] image = new byte[BYTES];
  private CrashDisk disk = new CrashDisk(image);
  private Kernel kernel = Kernel.boot();
  private Caller caller = new Caller(kernel.newProgram());

  FlatEdgesTest() throws ErrnoException {
    BlockDevice device = disk.disk();
    kernel.addDisk(device);
    kernel.mkfs(type, device, "");
    kernel.mount("mnt", type, device, "");
  }

  @AfterEach
  void close() throws ErrnoException {
    caller.close();
    kernel.close();
  }

  /** Continues with what the disk holds, and finds no damage. */
  private void reboot(byte[] left) throws ErrnoException {
    caller.close();
    kernel.close();
    disk = new CrashDisk(left);
    BlockDevice device = disk.disk();
    kernel = Kernel.boot();
    kernel.addDisk(device);
    List<String> damage = new ArrayList<>();
    kernel.check(type, device, "", damage::add);
    assertThat(damage).isEmpty();
    kernel.mount("mnt", type, device, "");
    caller = new Caller(kernel.newProgram());
  }

  private void powerFails() throws ErrnoException {
    disk.cutIn(NEVER, 1);
    reboot(disk.left());
  }

  private int create(String name, int value, int bytes) {
    int fd = caller.open(name, Fcntl.O_RDWR | Fcntl.O_CREAT);
    for (int at = 0; at < bytes; at += PIECE) {
      caller.write(fd, filled(value, Math.min(PIECE, bytes - at)), at);
    }
    caller.fsync(fd);
    return fd;
  }

  private static byte[] filled(int value, int bytes) {
    byte[] data = new byte[bytes];
    Arrays.fill(data, (byte) value);
    return data;
  }

  @Test
  void cutBytesStayZeroAfterAPowerCut() throws ErrnoException {
    int open = create("/mnt/a", 1, 4096);
    caller.truncate("/mnt/a", 100);
    caller.fsync(open);
    caller.rename("/mnt/a", "/mnt/b");
    powerFails();
    caller.truncate("/mnt/b", 4096);
    byte[] expected = new byte[4096];
    Arrays.fill(expected, 0, 100, (byte) 1);
    int fd = caller.open("/mnt/b", Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    assertThat(caller.read(fd, 0, 4096)).isEqualTo(expected);
  }

  @Test
  void aReplacedFileStaysAwayAfterTwoPowerCuts() throws ErrnoException {
    create("/mnt/x", 1, 512); // stays open, so that its inode is not free
    create("/mnt/t", 2, 512);
    caller.rename("/mnt/t", "/mnt/x");
    powerFails();
    assertThat(caller.readAll("/mnt/x")).containsOnly(2);
    caller.rename("/mnt/x", "/mnt/y");
    powerFails();
    assertThat(caller.readAll("/mnt/y")).containsOnly(2);
    assertThat(caller.exists("/mnt/x")).isFalse();
  }

  @Test
  void theSpaceOfARemovedFileIsFreeAfterAPowerCut() throws ErrnoException {
    create("/mnt/x", 1, 10 << 20);
    caller.unlink("/mnt/x");
    assertThat(caller.sync()).isZero();
    powerFails();
    create("/mnt/y", 2, 11 << 20);
  }

  @Test
  void acknowledgedWritesStayAtTheLimitOfExtents() {
    int fd = caller.open("/mnt/f", Fcntl.O_RDWR | Fcntl.O_CREAT);
    byte[] block = filled(1, 4096);
    int written = 0;
    while (written < 2000 && caller.tryWrite(fd, block, written * 8192L) == block.length) {
      written++;
    }
    assertThat(written).as("writes before ENOSPC").isBetween(500, 1999);
    caller.fsync(fd);
    int direct = caller.open("/mnt/f", Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    for (int i = 0; i < written; i++) {
      assertThat(caller.read(direct, i * 8192L, 4096)).as("block " + i).containsOnly(1);
    }
  }

  @Test
  void theSpaceOfACutFileIsFreeAtOnce() {
    create("/mnt/x", 1, 11 << 20);
    caller.truncate("/mnt/x", 0);
    create("/mnt/y", 2, 11 << 20);
    assertThat(caller.readAll("/mnt/y")).containsOnly(2);
  }

  @Test
  void blocksBehindTheEndAreZeroAndFree() throws ErrnoException {
    caller.close(create("/mnt/a", 1, 3 * 4096));
    kernel.umount("mnt");
    forge(2, SIZE, 100);
    forge(3, SIZE, 100);
    reboot(image);
    caller.truncate("/mnt/a", 3 * 4096);
    assertThat(caller.readAll("/mnt/a")).isEqualTo(Arrays.copyOf(filled(1, 100), 3 * 4096));
    int blocks = BYTES / 4096 - 64 * SLOT / 4096 - 1; // all but one
    create("/mnt/b", 2, blocks * 4096);
  }

  @Test
  void aDiskOfAnotherSizeIsRefused() throws ErrnoException {
    caller.close(create("/mnt/a", 1, 512));
    kernel.umount("mnt");
    assertThatThrownBy(() -> reboot(Arrays.copyOf(image, 4 * BYTES)))
        .hasMessageContaining("no good slot");
  }

  @Test
  void aFailedWriteKeepsNoSpace() {
    int fd = caller.open("/mnt/f", Fcntl.O_RDWR | Fcntl.O_CREAT);
    assertThat(caller.writeFrom(8, fd, 64 << 20, 0)).isEqualTo(-Errno.EFAULT);
    caller.fsync(fd);
    create("/mnt/g", 2, 11 << 20);
  }

  /** Changes the sequence number of a slot, and makes its checksum right. */
  private void forge(int slot, long seq) {
    forge(slot, SEQ, seq);
  }

  private void forge(int slot, int field, long value) {
    ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    int at = slot * SLOT;
    bytes.putLong(at + field, value);
    CRC32C crc = new CRC32C();
    ByteBuffer place = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    crc.update(place.putInt(slot / 2).putInt(SLOT).flip());
    crc.update(image, at + 16, bytes.getInt(at + 8));
    bytes.putInt(at + 12, (int) crc.getValue());
  }

  @Test
  void aSlotWithAnImpossibleNumberIsInvalid() throws ErrnoException {
    kernel.umount("mnt");
    for (long seq : new long[] {Long.MAX_VALUE - 1, -2, 1}) {
      forge(0, seq); // the other slot of the names is good
      reboot(image);
      caller.close(create("/mnt/x", 1, 512));
      kernel.umount("mnt");
      reboot(image); // another write of the names, to the forged slot
      caller.unlink("/mnt/x");
      kernel.umount("mnt");
    }
    forge(0, -2);
    forge(1, -2);
    assertThatThrownBy(() -> reboot(image)).hasMessageContaining("no good slot");
  }

  @Test
  void anInodeWithoutAGoodSlotIsDamage() throws ErrnoException {
    create("/mnt/x", 1, 512);
    caller.sync();
    forge(2, -2);
    forge(3, -2);
    assertThatThrownBy(() -> reboot(image)).hasMessageContaining("inode 2 has no good slot");
  }
}
