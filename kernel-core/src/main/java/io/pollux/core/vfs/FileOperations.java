// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.PollBits;
import org.jspecify.annotations.Nullable;

/**
 * What can be done with an open file: the counterpart of struct file_operations. In C a method that is
 * missing is a null pointer; here {@code hasReadIter} and its like tell, before anything is tried.
 */
@LinuxSource(file = "include/linux/fs.h", name = "file_operations")
public interface FileOperations {
  /**
   * Whether there is a {@link #readIter}.
   *
   * @return true if so
   */
  default boolean hasReadIter() {
    return false;
  }

  /**
   * Reads at iocb.kiPos. From process context.
   *
   * @param current the calling task
   * @param iocb the request; see {@link Kiocb} for who owns it when
   * @param to where the data goes; used until this returns
   * @return bytes, a negative errno, or -{@link Kiocb#EIOCBQUEUED} if the handler tells
   */
  default long readIter(Task current, Kiocb iocb, IovIter to) {
    return -Errno.EINVAL;
  }

  /**
   * Whether there is a {@link #writeIter}.
   *
   * @return true if so
   */
  default boolean hasWriteIter() {
    return false;
  }

  /**
   * Writes at iocb.kiPos. From process context.
   *
   * @param current the calling task
   * @param iocb the request; see {@link Kiocb} for who owns it when
   * @param from where the data is; used until this returns
   * @return bytes, a negative errno, or -{@link Kiocb#EIOCBQUEUED} if the handler tells
   */
  default long writeIter(Task current, Kiocb iocb, IovIter from) {
    return -Errno.EINVAL;
  }

  /**
   * Whether there is an {@link #iopoll}.
   *
   * @return true if so
   */
  @Patch(1)
  default boolean hasIopoll() {
    return false;
  }

  /**
   * Looks for completions on the queue that a request went to. The handler of whatever completed, this
   * request or another, has been called when this returns. From process context; sleeps never, spins if asked.
   *
   * @param iocb a request that was submitted with IOCB_HIPRI and is not complete
   * @param spin whether to go on until something completed
   * @return completions found, or a negative errno
   */
  @Patch(1)
  @LinuxSource(file = "include/linux/fs.h", name = "iopoll")
  default int iopoll(Kiocb iocb, boolean spin) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * Whether a request completes only inside {@link #iopoll}. An interrupt completes a request on a queue without polling; the
   * poller then sleeps between polls. From process context.
   *
   * @param iocb a request as for iopoll
   * @return false if an interrupt completes it
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "QUEUE_FLAG_POLL")
  default boolean needsPolling(Kiocb iocb) {
    return true;
  }

  /**
   * Whether O_DIRECT is possible.
   *
   * @return true if so
   */
  default boolean canDirect() {
    return false;
  }

  /**
   * Whether readIter and writeIter know RWF_NOWAIT (FMODE_NOWAIT).
   *
   * @return true if so
   */
  default boolean canNowait() {
    return false;
  }

  /**
   * Prepares the file for a request that may be executed outside the submitting call, when the program may have closed the
   * descriptor. The file's release undoes it. From process context.
   *
   * @return 0 or a negative errno, with which the request fails
   */
  default int hold() {
    return 0;
  }

  /**
   * Whether the file has a position to seek and to read at.
   *
   * @return true if so
   */
  default boolean canSeek() {
    return true;
  }

  /**
   * Moves the position of a file that has one. This is Linux's general way: the whole file is data, and behind it is a
   * hole. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param offset how far, or, to data and to holes, from where; any value at all
   * @param whence one of Fcntl.SEEK_*
   * @return the new position, or a negative errno: -EINVAL for a position below 0, -ENXIO if there is nothing to find
   */
  @LinuxSource(file = "fs/read_write.c", name = {"llseek", "generic_file_llseek_size"})
  default long llseek(Task current, File file, long offset, int whence) {
    long eof = file.inode().size();
    return switch (whence) {
      case Fcntl.SEEK_SET -> file.vfsSetpos(offset);
      case Fcntl.SEEK_CUR -> file.vfsSetpos(file.pos() + offset); // what overflows is below 0
      case Fcntl.SEEK_END -> file.vfsSetpos(eof + offset);
      case Fcntl.SEEK_DATA -> offset < 0 || offset >= eof ? -Errno.ENXIO : file.vfsSetpos(offset);
      case Fcntl.SEEK_HOLE -> offset < 0 || offset >= eof ? -Errno.ENXIO : file.vfsSetpos(eof);
      default -> -Errno.EINVAL;
    };
  }

  /**
   * Whether there is a {@link #poll}.
   *
   * @return true if so
   */
  default boolean hasPoll() {
    return false;
  }

  /**
   * Prepares the file for a poll that may wait. The file's release undoes it. From process context.
   *
   * @return 0; -EINVAL if there is no poll method; another negative errno if nobody can watch the file now
   */
  default int preparePoll() {
    return hasPoll() ? 0 : -Errno.EINVAL;
  }

  /**
   * Tells what is possible now, and where to hear of changes. From any context; never sleeps.
   *
   * @param file the file
   * @param table who wants to hear of changes, or null
   * @return a mask of {@link PollBits}
   */
  @LinuxSource(file = "include/linux/fs.h", name = "poll")
  default int poll(File file, @Nullable PollTable table) {
    return PollBits.DEFAULT_POLLMASK;
  }

  /**
   * Whether there is an {@link #fsync}.
   *
   * @return true if so
   */
  default boolean hasFsync() {
    return false;
  }

  /**
   * Writes back. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param datasync whether metadata that no read needs may stay behind
   * @return 0 or a negative errno
   */
  default int fsync(Task current, File file, boolean datasync) {
    return -Errno.EINVAL;
  }

  /**
   * Reserves room for a range, or changes it otherwise. From process context.
   *
   * @param current the calling task
   * @param file a file opened for writing
   * @param mode FALLOC_FL_* flags, of which those that exclude each other are not there together
   * @param offset where the range begins, not negative
   * @param length its bytes, positive; its end does not overflow
   * @return 0 or a negative errno, -EOPNOTSUPP for what this kind of file can't do
   */
  @LinuxSource(file = "include/linux/fs.h", name = "fallocate")
  default int fallocate(Task current, File file, int mode, long offset, long length) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * Lists a directory from context.pos on. From process context.
   *
   * @param current the calling task
   * @param file the directory
   * @param context where entries go, until it is full
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "iterate_shared")
  default int iterateShared(Task current, File file, DirContext context) {
    return -Errno.ENOTDIR;
  }

  /**
   * Answers an ioctl that is this kind of file's own. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param cmd the request; any value at all
   * @param arg its argument, often a user address; any value at all
   * @return a result that is not negative, or a negative errno; -ENOTTY for a request that means nothing here
   */
  @LinuxSource(file = "include/linux/fs.h", name = "unlocked_ioctl")
  default long ioctl(Task current, File file, int cmd, long arg) {
    return -Errno.ENOTTY;
  }

  /**
   * The fixed size of a pipe.
   *
   * @return bytes, or -EBADF if the file is not a pipe
   */
  @LinuxSource(file = "fs/pipe.c", name = "pipe_fcntl")
  default int pipeSize() {
    return -Errno.EBADF;
  }

  /**
   * Accepts or rejects a newly opened file: a device has at most one holder with O_EXCL. From process context.
   *
   * @param file the file, opened
   * @param flags O_* flags as the program gave them
   * @return 0, or a negative errno, after which the caller releases the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "open")
  default int claim(File file, int flags) {
    return 0;
  }

  /**
   * A file was opened; {@link #release} follows once. From process context.
   *
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "open")
  default void opened(File file) {}

  /**
   * The last reference is gone, and the task that dropped it may sleep: close, and the end of a process.
   *
   * @param current the calling task
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "release")
  default void release(Task current, File file) {
    release(file);
  }

  /**
   * The last reference is gone, dropped by a completion or by somebody who is no task. From any context;
   * never sleeps.
   *
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "release")
  default void release(File file) {}
}
