// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A filesystem or a driver that throws below a system call: the call fails with EIO, one report is
 * printed, and the program continues.
 */
@Timeout(60)
class OopsTest {
  private final Booted booted = new Booted();
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
    Oops.setSink(null);
  }

  @Test
  void aFileThatThrows() {
    UserProcess process = new UserProcess(new WindowSpace(), new FilesStruct());
    try (Program program = booted.kernel.newProgram(process)) {
      FileOperations broken =
          new FileOperations() {
            @Override
            public boolean hasReadIter() {
              return true;
            }

            @Override
            public long readIter(Task current, Kiocb iocb, IovIter to) {
              current.setPlug(() -> {}); // and left it behind
              throw new IllegalStateException("broken");
            }
          };
      Inode inode =
          new Inode(new Ramfs(1), 9, StatMode.S_IFREG | 0600) {
            @Override
            public long size() {
              return 0;
            }

            @Override
            public FileOperations fop() {
              return broken;
            }

            @Override
            protected void getattr(Task current, long stat) {}
          };
      int fd =
          FilesStruct.of(process).install(new File(new FileTable(), inode, null, Fcntl.O_RDONLY));
      long memory = program.syscall(Nr.MMAP, 0, 4096, 3, 0x22, -1, 0);
      for (int i = 0; i < 3; i++) {
        assertThat(program.syscall(Nr.READ, fd, memory, 512)).isEqualTo(-Errno.EIO);
      }
      assertThat(program.syscall(Nr.CLOSE, fd)).isZero();
    }
    assertThat(said)
        .hasSize(3)
        .containsOnly(
            "kernel oops in system call 0: java.lang.IllegalStateException: broken; the call fails"
                + " with EIO");
  }

  @Test
  void aDriverThatThrows() {
    BlkMqOps driver =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            throw new IllegalStateException("broken");
          }

          @Override
          public int poll(HwCtx hctx) {
            throw new IllegalStateException("broken");
          }
        };
    booted.kernel.addDisk(
        new BlockDevice("bad0", 0x200, 1 << 20, false, new RequestQueue(driver, 512, 8)));
    Program program = booted.program;
    for (int flags : new int[] {Fcntl.O_RDWR | Fcntl.O_DIRECT, Fcntl.O_RDONLY}) {
      int fd = booted.open("/dev/bad0", flags);
      assertThat(fd).isNotNegative();
      assertThat(program.syscall(Nr.PREAD64, fd, booted.memory, 4096, 0)).isEqualTo(-Errno.EIO);
      assertThat(program.syscall(Nr.CLOSE, fd)).isZero();
    }
    assertThat(said)
        .containsExactly(
            "kernel oops in the driver of bad0: java.lang.IllegalStateException: broken; "
                + "bad0 is shut down, and its requests fail with EIO");
  }
}
