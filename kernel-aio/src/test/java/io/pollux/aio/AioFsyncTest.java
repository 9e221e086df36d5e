// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What IOCB_CMD_FSYNC and FDSYNC ask of a file. */
@Timeout(60)
class AioFsyncTest {
  private final HeldDisk disk = new HeldDisk(8);
  private final LegacyProgram program = new LegacyProgram(disk.disk("held0", 1 << 20));
  private final Queue<Boolean> datasyncs = new ConcurrentLinkedQueue<>();
  private final Queue<Boolean> byKernelThread = new ConcurrentLinkedQueue<>();
  private int answer;

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private final FileOperations recording =
      new FileOperations() {
        @Override
        public boolean hasFsync() {
          return true;
        }

        @Override
        public int fsync(Task current, File file, boolean datasync) {
          datasyncs.add(datasync);
          byKernelThread.add(current != program.task && current.isCurrentThread());
          return answer;
        }
      };

  /** Submits one command for a file that notes what it is asked, and answers the event's result. */
  private long result(int opcode) {
    Inode inode =
        new Inode(new Ramfs(1), 9, StatMode.S_IFREG | 0600) {
          @Override
          public long size() {
            return 0;
          }

          @Override
          public FileOperations fop() {
            return recording;
          }

          @Override
          protected void getattr(long stat) {
            throw new AssertionError("nobody asked");
          }
        };
    int fd =
        FilesStruct.of(program.process).install(new File(program.files, inode, null, Fcntl.O_RDWR));
    program.prepare(0, opcode, fd, 0, 0, 0);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    return program.results(1).getFirst();
  }

  @Test
  void fsyncLeavesNothingBehindAndFdsyncMay() {
    assertThat(program.setup(4, 0)).isZero();

    assertThat(result(AioAbi.IOCB_CMD_FSYNC)).isZero();
    assertThat(result(AioAbi.IOCB_CMD_FDSYNC)).isZero();
    assertThat(result(AioAbi.IOCB_CMD_FSYNC)).as("the same request again").isZero();

    assertThat(datasyncs).containsExactly(false, true, false);
    assertThat(byKernelThread).containsOnly(true);
  }

  @Test
  void whatTheFileAnswersIsTheResult() {
    assertThat(program.setup(4, 0)).isZero();
    answer = -Errno.EIO;

    assertThat(result(AioAbi.IOCB_CMD_FDSYNC)).isEqualTo(-Errno.EIO);
  }
}
