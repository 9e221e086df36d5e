// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sizes and offsets of every structure, as the ABI has them in words. */
class LayoutTest {
  @ParameterizedTest
  @CsvSource({
    "iocb, 64",
    "io_event, 32",
    "aio_ring, 32",
    "aio_iocb_ring, 64",
    "aio_io_event_ring, 32",
    "iovec, 16",
    "timespec, 16",
    "__aio_sigset, 16",
    "stat, 144",
    "linux_dirent64, 19",
    "pollfd, 8",
    "rlimit64, 16",
    "statfs, 120",
    "statx, 256"
  })
  void sizes(String struct, long bytes) {
    assertThat(layout(struct).byteSize()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @CsvSource({
    "iocb, aio_data, 0",
    "iocb, aio_key, 8",
    "iocb, aio_rw_flags, 12",
    "iocb, aio_lio_opcode, 16",
    "iocb, aio_reqprio, 18",
    "iocb, aio_fildes, 20",
    "iocb, aio_buf, 24",
    "iocb, aio_nbytes, 32",
    "iocb, aio_offset, 40",
    "iocb, aio_reserved2, 48",
    "iocb, aio_flags, 56",
    "iocb, aio_resfd, 60",
    "io_event, data, 0",
    "io_event, obj, 8",
    "io_event, res, 16",
    "io_event, res2, 24",
    "aio_ring, id, 0",
    "aio_ring, nr, 4",
    "aio_ring, head, 8",
    "aio_ring, tail, 12",
    "aio_ring, magic, 16",
    "aio_ring, compat_features, 20",
    "aio_ring, incompat_features, 24",
    "aio_ring, header_length, 28",
    "aio_iocb_ring, head, 0",
    "aio_iocb_ring, tail, 4",
    "aio_iocb_ring, nr_events, 8",
    "aio_iocb_ring, sq_thread_cpu, 12",
    "aio_iocb_ring, sq_flags, 16",
    "aio_io_event_ring, head, 0",
    "aio_io_event_ring, tail, 4",
    "aio_io_event_ring, nr_events, 8",
    "iovec, iov_base, 0",
    "iovec, iov_len, 8",
    "timespec, tv_sec, 0",
    "timespec, tv_nsec, 8",
    "stat, st_nlink, 16",
    "stat, st_mode, 24",
    "stat, st_rdev, 40",
    "stat, st_size, 48",
    "stat, st_blocks, 64",
    "stat, st_mtime, 88",
    "linux_dirent64, d_off, 8",
    "linux_dirent64, d_reclen, 16",
    "linux_dirent64, d_type, 18",
    "pollfd, fd, 0",
    "pollfd, events, 4",
    "pollfd, revents, 6",
    "rlimit64, rlim_cur, 0",
    "rlimit64, rlim_max, 8",
    "statfs, f_bsize, 8",
    "statfs, f_bavail, 32",
    "statfs, f_fsid, 56",
    "statfs, f_namelen, 64",
    "statfs, f_flags, 80",
    "statx, stx_nlink, 16",
    "statx, stx_mode, 28",
    "statx, stx_ino, 32",
    "statx, stx_attributes_mask, 56",
    "statx, stx_atime, 64",
    "statx, stx_btime, 80",
    "statx, stx_ctime, 96",
    "statx, stx_mtime, 112",
    "statx, stx_mtime_nsec, 120",
    "statx, stx_rdev_major, 128",
    "statx, stx_dev_minor, 140"
  })
  void offsets(String struct, String field, long offset) {
    assertThat(layout(struct).byteOffset(PathElement.groupElement(field))).isEqualTo(offset);
  }

  private static StructLayout layout(String struct) {
    return switch (struct) {
      case "iocb" -> Iocb.LAYOUT;
      case "io_event" -> IoEvent.LAYOUT;
      case "aio_ring" -> AioRing.LAYOUT;
      case "aio_iocb_ring" -> AioIocbRing.LAYOUT;
      case "aio_io_event_ring" -> AioIoEventRing.LAYOUT;
      case "iovec" -> Iovec.LAYOUT;
      case "timespec" -> Timespec.LAYOUT;
      case "__aio_sigset" -> AioSigset.LAYOUT;
      case "stat" -> Stat.LAYOUT;
      case "linux_dirent64" -> LinuxDirent64.LAYOUT;
      case "pollfd" -> Pollfd.LAYOUT;
      case "rlimit64" -> Rlimit64.LAYOUT;
      case "statfs" -> Statfs.LAYOUT;
      case "statx" -> Statx.LAYOUT;
      default -> throw new IllegalArgumentException(struct);
    };
  }
}
