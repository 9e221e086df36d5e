// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RootDirectory;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapInode;
import io.pollux.iomap.IomapSuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Any method that iomap calls, and that throws, fails the request with EIO and shuts the filesystem
 * down.
 */
@Timeout(60)
class ThrowingIomapTest {
  private static final int PAGE = Booted.PAGE;
  private static final int DIRECT = Fcntl.O_RDWR | Fcntl.O_DIRECT;

  private final Booted booted = new Booted();
  private final List<String> said = new CopyOnWriteArrayList<>();
  private volatile String armed = "";

  private void reached(String method) {
    if (armed.equals(method)) {
      throw new IllegalStateException("a broken " + method);
    }
  }

  /** A file of 16 pages at the start of the disk, all unwritten. */
  private final class Broken extends IomapInode {
    Broken(SuperBlock sb, BlockDevice disk) {
      super(sb, disk, 2, StatMode.S_IFREG | 0600);
      initAttributes(16L * PAGE, 0, 0, 0, 0);
    }

    @Override
    public int iomapBegin(
        Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
      reached("iomapBegin");
      iomap.setMapped(true, 0, 16L * PAGE, 0, ((Super) sb()).bdev());
      return 0;
    }

    @Override
    public boolean hasIomapEnd() {
      return armed.equals("iomapEnd");
    }

    @Override
    public int iomapEnd(
        Task current, Inode inode, long pos, long length, long written, int flags, Iomap iomap) {
      reached("iomapEnd");
      return 0;
    }

    @Override
    public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
      reached("endIo");
      return super.endIo(current, iocb, bytes, error, flags);
    }

    @Override
    public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
      reached("mapBlocks");
      return super.mapBlocks(current, inode, pos, length, iomap);
    }

    @Override
    public int endIoend(
        Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
      reached("endIoend");
      return super.endIoend(current, inode, pos, length, unwritten, error);
    }

    @Override
    protected long blocks() {
      return 16L * PAGE / 512;
    }

    @Override
    protected int nlink() {
      return 1;
    }
  }

  private final class Super extends IomapSuperBlock {
    private final Broken file;
    private final RootDirectory root =
        new RootDirectory(this, 0755) {
          @Override
          public Inode lookup(Task current, byte[] name) {
            return file;
          }

          @Override
          protected void list(DirContext context) {}
        };

    @SuppressWarnings("this-escape") // the file does not use it yet
    Super(Task current, BlockDevice disk) {
      super(current, disk, false, PAGE);
      file = new Broken(this, disk);
    }

    @Override
    protected List<Broken> inodes() {
      return List.of(file);
    }

    @Override
    public int writeInode(Task current, Inode inode, boolean wait) {
      return 0;
    }

    @Override
    public void close() {}

    @Override
    public Inode root() {
      return root;
    }

    @Override
    protected void statfs(Task current, long statfs) {}
  }

  private final class Type implements FileSystemType {
    @Override
    public String name() {
      return "broken";
    }

    @Override
    public boolean recognises(MemorySegment head) {
      return false;
    }

    @Override
    public SuperBlock mount(Task current, BlockDevice disk, boolean readOnly, Options options) {
      return new Super(current, disk);
    }
  }

  @BeforeEach
  void mount() throws ErrnoException {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    BlockDevice disk = booted.disk.disk("iomap0", 0x301, false);
    booted.kernel.addDisk(disk);
    booted.kernel.mount("mnt", new Type(), disk, "rw");
  }

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
    Oops.setSink(null);
  }

  private long call(int nr, long a, long b, long c, long d) {
    return booted.program.syscall(nr, a, b, c, d, 0, 0);
  }

  @ParameterizedTest
  @CsvSource({
    "iomapBegin, direct read", "iomapBegin, direct write", "iomapBegin, buffered read",
    "iomapBegin, buffered write", "iomapEnd, direct read", "iomapEnd, direct write",
    "endIo, direct write", "mapBlocks, fsync", "endIoend, fsync"
  })
  void aMethodThatThrowsIsEioAndShutsTheFilesystemDown(String method, String request)
      throws ErrnoException {
    int fd = booted.open("/mnt/file", request.startsWith("direct") ? DIRECT : Fcntl.O_RDWR);
    long memory = (booted.memory + PAGE - 1) & -PAGE;
    if (request.equals("fsync")) {
      assertThat(call(Nr.PWRITE64, fd, memory, PAGE, 0)).isEqualTo(PAGE);
    }
    armed = method;
    long result =
        request.equals("fsync")
            ? call(Nr.FSYNC, fd, 0, 0, 0)
            : call(request.endsWith("read") ? Nr.PREAD64 : Nr.PWRITE64, fd, memory, PAGE, 0);
    armed = "";
    assertThat(result).isEqualTo(-Errno.EIO);
    assertThat(said.getFirst())
        .contains("a broken " + method)
        .contains("EIO, and /mnt is shut down");
    assertThat(call(Nr.PREAD64, fd, memory, PAGE, 0)).isEqualTo(-Errno.EIO);
    assertThat(call(Nr.CLOSE, fd, 0, 0, 0)).isZero();
    booted.kernel.umount("mnt");
    assertThat(booted.kernel.held()).isEmpty();
  }
}
