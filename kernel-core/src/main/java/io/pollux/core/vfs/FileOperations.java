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
 * The operations of an open file: struct file_operations. C marks a missing method by a null
 * pointer; here {@code hasReadIter} and similar methods do.
 */
@LinuxSource(file = "include/linux/fs.h", name = "file_operations")
public interface FileOperations {
  /** Whether there is a {@link #readIter}. */
  default boolean hasReadIter() {
    return false;
  }

  /**
   * Reads at iocb.kiPos. From process context.
   *
   * @param current the calling task
   * @param iocb the request; {@link Kiocb} describes its ownership
   * @param to destination; used until this returns
   * @return bytes, a negative errno, or -{@link Kiocb#EIOCBQUEUED} if the handler receives the
   *     result
   */
  default long readIter(Task current, Kiocb iocb, IovIter to) {
    return -Errno.EINVAL;
  }

  /** Whether there is a {@link #writeIter}. */
  default boolean hasWriteIter() {
    return false;
  }

  /**
   * Writes at iocb.kiPos. From process context.
   *
   * @param current the calling task
   * @param iocb the request; {@link Kiocb} describes its ownership
   * @param from source; used until this returns
   * @return bytes, a negative errno, or -{@link Kiocb#EIOCBQUEUED} if the handler receives the
   *     result
   */
  default long writeIter(Task current, Kiocb iocb, IovIter from) {
    return -Errno.EINVAL;
  }

  /** Whether there is an {@link #iopoll}. */
  @Patch(1)
  @LinuxSource(file = "Documentation/filesystems/vfs.txt", name = "iopoll")
  default boolean hasIopoll() {
    return false;
  }

  /**
   * Polls the queue of a request. The handlers of all requests found complete, which may be others,
   * are called before this returns. From process context; never sleeps, may spin.
   *
   * @param iocb a request that was submitted with IOCB_HIPRI and is not complete
   * @param spin whether to poll until a request completes
   * @return completions found, or a negative errno
   */
  @Patch(1)
  @LinuxSource(file = "include/linux/fs.h", name = "iopoll")
  default int iopoll(Kiocb iocb, boolean spin) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * As {@link #iopoll(Kiocb, boolean)}, for a caller that may sleep. Before it returns, the
   * filesystem may finish the requests that it found, for example change their metadata.
   *
   * @param current the calling task, or null if the caller must not sleep
   * @param iocb as for iopoll
   * @param spin as for iopoll
   * @return completions found, or a negative errno
   */
  default int iopoll(@Nullable Task current, Kiocb iocb, boolean spin) {
    return iopoll(iocb, spin);
  }

  /**
   * Whether a request completes only inside {@link #iopoll}. An interrupt completes a request on a
   * queue without polling; the poller then sleeps between polls. From process context.
   *
   * @param iocb a request as for iopoll
   * @return false if an interrupt completes it
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "QUEUE_FLAG_POLL")
  default boolean needsPolling(Kiocb iocb) {
    return true;
  }

  /** Whether the file supports O_DIRECT. */
  default boolean canDirect() {
    return false;
  }

  /** Whether readIter and writeIter support RWF_NOWAIT (FMODE_NOWAIT). */
  default boolean canNowait() {
    return false;
  }

  /**
   * Prepares the file for a request that may be executed outside the submitting call, when the
   * program may have closed the descriptor. The file's release undoes it. From process context.
   *
   * @return 0 or a negative errno, with which the request fails
   */
  default int hold() {
    return 0;
  }

  /** Whether the file has a position, for seeks and reads. */
  default boolean canSeek() {
    return true;
  }

  /**
   * Sets the position of a file that has one. The default is Linux's generic one: the whole file is
   * data, followed by a hole. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param offset relative to whence; for SEEK_DATA and SEEK_HOLE the start of the search; any
   *     value
   * @param whence one of Fcntl.SEEK_*
   * @return the new position, or a negative errno: -EINVAL for a negative position, -ENXIO if
   *     nothing is found
   */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {"llseek", "generic_file_llseek_size"})
  default long llseek(Task current, File file, long offset, int whence) {
    long eof = file.inode().size();
    return switch (whence) {
      case Fcntl.SEEK_SET -> file.vfsSetpos(offset);
      case Fcntl.SEEK_CUR -> file.vfsSetpos(file.pos() + offset); // an overflow is negative
      case Fcntl.SEEK_END -> file.vfsSetpos(eof + offset);
      case Fcntl.SEEK_DATA -> offset < 0 || offset >= eof ? -Errno.ENXIO : file.vfsSetpos(offset);
      case Fcntl.SEEK_HOLE -> offset < 0 || offset >= eof ? -Errno.ENXIO : file.vfsSetpos(eof);
      default -> -Errno.EINVAL;
    };
  }

  /** Whether there is a {@link #poll}. */
  default boolean hasPoll() {
    return false;
  }

  /**
   * Prepares the file for a poll that may wait. The file's release undoes it. From process context.
   *
   * @return 0; -EINVAL if there is no poll method; another negative errno if the file can't be
   *     watched now
   */
  default int preparePoll() {
    return hasPoll() ? 0 : -Errno.EINVAL;
  }

  /**
   * Returns the readiness of the file, and registers for changes. From any context; never sleeps.
   *
   * @param file the file
   * @param table registers for changes, or null
   * @return a mask of {@link PollBits}
   */
  @LinuxSource(file = "include/linux/fs.h", name = "poll")
  default int poll(File file, @Nullable PollTable table) {
    return PollBits.DEFAULT_POLLMASK;
  }

  /** Whether there is an {@link #fsync}. */
  default boolean hasFsync() {
    return false;
  }

  /**
   * Makes a range durable. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param start first byte
   * @param end last byte
   * @param datasync whether metadata that no read needs may stay unwritten
   * @return 0 or a negative errno
   */
  default int fsync(Task current, File file, long start, long end, boolean datasync) {
    return -Errno.EINVAL;
  }

  /**
   * Reserves space for a range, or changes it as the mode says. From process context.
   *
   * @param current the calling task
   * @param file a file opened for writing
   * @param mode FALLOC_FL_* flags, a valid combination
   * @param offset start of the range, not negative
   * @param length bytes, positive; the end of the range does not overflow
   * @return 0 or a negative errno, -EOPNOTSUPP for a mode that the file does not support
   */
  @LinuxSource(file = "include/linux/fs.h", name = "fallocate")
  default int fallocate(Task current, File file, int mode, long offset, long length) {
    return -Errno.EOPNOTSUPP;
  }

  /** Whether {@link #remapFileRange} is supported. */
  default boolean hasRemapFileRange() {
    return false;
  }

  /** In the flags of {@link #remapFileRange}: share only if both ranges have the same bytes. */
  @LinuxSource(file = "include/linux/fs.h", name = "REMAP_FILE_DEDUP")
  int REMAP_FILE_DEDUP = 1;

  /**
   * Lets a file share blocks of another one. From process context, with iRwsem of both inodes held
   * exclusively.
   *
   * @param current the calling task
   * @param from a regular file of the same filesystem
   * @param pos its first byte, a multiple of the block size
   * @param to this file
   * @param toPos its first byte, a multiple of the block size
   * @param length bytes, at least 1: whole blocks, or up to the end of the first file and not
   *     before the end of this one
   * @param flags REMAP_FILE_DEDUP or 0
   * @return 0 or a negative errno: -EBADE if the ranges should be equal and differ, -EOPNOTSUPP
   *     without this operation
   */
  @LinuxSource(file = "include/linux/fs.h", name = "remap_file_range")
  default int remapFileRange(
      Task current, File from, long pos, File to, long toPos, long length, int flags) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * Lists a directory from context.pos on. From process context.
   *
   * @param current the calling task
   * @param file the directory
   * @param context receives entries until it is full
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "iterate_shared")
  default int iterateShared(Task current, File file, DirContext context) {
    return -Errno.ENOTDIR;
  }

  /**
   * Handles an ioctl of this type of file. From process context.
   *
   * @param current the calling task
   * @param file the file
   * @param cmd the request; any value
   * @param arg its argument, often a user address; any value
   * @return a result that is not negative, or a negative errno; -ENOTTY for an unknown request
   */
  @LinuxSource(file = "include/linux/fs.h", name = "unlocked_ioctl")
  default long ioctl(Task current, File file, int cmd, long arg) {
    return -Errno.ENOTTY;
  }

  /** Returns the fixed size of a pipe in bytes, or -EBADF if the file is not a pipe. */
  @LinuxSource(file = "fs/pipe.c", name = "pipe_fcntl")
  default int pipeSize() {
    return -Errno.EBADF;
  }

  /**
   * Accepts or rejects a newly opened file: a device has at most one holder with O_EXCL. From
   * process context.
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
   * Completes the opening of a path, after {@link #claim}: an open of a fifo waits for the other
   * end. From process context; may sleep.
   *
   * @param current the calling task
   * @param file the file, opened
   * @return 0, or a negative errno, after which the caller releases the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "open")
  default int open(Task current, File file) {
    return 0;
  }

  /**
   * Handles the opening of a file; {@link #release} follows once. From process context.
   *
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "open")
  default void opened(File file) {}

  /**
   * Handles the last drop by a task that may sleep: close, and process exit.
   *
   * @param current the calling task
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "release")
  default void release(Task current, File file) {
    release(file);
  }

  /**
   * Handles the last drop without a task, such as by a completion. From any context; never sleeps.
   *
   * @param file the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "release")
  default void release(File file) {}
}
