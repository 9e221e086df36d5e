// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.userland.UserMemory;

/** One I/O at a time: pread64 and pwrite64, or preadv2 and pwritev2 with RWF_HIPRI for polling. */
final class SyncEngine implements Engine {
  private static final int SLOT = 0;

  private final Job job;
  private final Program program;
  private final int fd;
  private final boolean polled;
  private final int blockSize;
  private final UserMemory memory;
  private final long buffer;
  private final long iovec;

  SyncEngine(Plan plan, Program program, int fd, Job job) {
    this.job = job;
    this.program = program;
    this.fd = fd;
    polled = plan.polled();
    blockSize = plan.blockSize();
    memory = UserMemory.map(program, UserMemory.pageAlign(blockSize) + Iovec.SIZE);
    buffer = memory.address();
    iovec = buffer + UserMemory.pageAlign(blockSize);
    Iovec.iovBase(iovec, buffer);
    Iovec.iovLen(iovec, blockSize);
  }

  @Override
  public void run() {
    long calls = 0;
    while (job.more() && job.next()) {
      job.issue(SLOT, buffer);
      long result = polled ? vectored(job.offset(), job.write()) : plain(job.offset(), job.write());
      calls++;
      job.complete(SLOT, buffer, result);
      job.batchDone(calls, calls, 0, 0);
    }
  }

  private long plain(long offset, boolean write) {
    return program.syscall(write ? Nr.PWRITE64 : Nr.PREAD64, fd, buffer, blockSize, offset);
  }

  private long vectored(long offset, boolean write) {
    // The offset is passed in two halves. With 64-bit longs the lower half holds all of it.
    return program.syscall(
        write ? Nr.PWRITEV2 : Nr.PREADV2, fd, iovec, 1, offset, 0, AioAbi.RWF_HIPRI);
  }

  @Override
  public void close() {
    memory.close();
  }
}
