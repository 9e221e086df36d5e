// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct iocb}: one request, 64 bytes, written by a user program.
 *
 * <p>The application owns it before the submission and after the event. The kernel reads each field
 * once, into its own copy.
 */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "iocb")
public final class Iocb {
  /** The layout of {@code struct iocb}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("aio_data"),
              ValueLayout.JAVA_INT.withName("aio_key"),
              ValueLayout.JAVA_INT.withName("aio_rw_flags"),
              ValueLayout.JAVA_SHORT.withName("aio_lio_opcode"),
              ValueLayout.JAVA_SHORT.withName("aio_reqprio"),
              ValueLayout.JAVA_INT.withName("aio_fildes"),
              ValueLayout.JAVA_LONG.withName("aio_buf"),
              ValueLayout.JAVA_LONG.withName("aio_nbytes"),
              ValueLayout.JAVA_LONG.withName("aio_offset"),
              ValueLayout.JAVA_LONG.withName("aio_reserved2"),
              ValueLayout.JAVA_INT.withName("aio_flags"),
              ValueLayout.JAVA_INT.withName("aio_resfd"))
          .withName("iocb");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long AIO_DATA = offset("aio_data");
  private static final long AIO_KEY = offset("aio_key");
  private static final long AIO_RW_FLAGS = offset("aio_rw_flags");
  private static final long AIO_LIO_OPCODE = offset("aio_lio_opcode");
  private static final long AIO_REQPRIO = offset("aio_reqprio");
  private static final long AIO_FILDES = offset("aio_fildes");
  private static final long AIO_BUF = offset("aio_buf");
  private static final long AIO_NBYTES = offset("aio_nbytes");
  private static final long AIO_OFFSET = offset("aio_offset");
  private static final long AIO_RESERVED2 = offset("aio_reserved2");
  private static final long AIO_FLAGS = offset("aio_flags");
  private static final long AIO_RESFD = offset("aio_resfd");

  private Iocb() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code aio_data}: returned in {@code io_event.data}. */
  public static long aioData(long at) {
    return RawMemory.getLong(at, AIO_DATA);
  }

  /** Writes {@code aio_data}: returned in {@code io_event.data}. */
  public static void aioData(long at, long value) {
    RawMemory.putLong(at, AIO_DATA, value);
  }

  /** Reads {@code aio_key}: the kernel stores 0 (KIOCB_KEY) if cancel is possible. */
  public static int aioKey(long at) {
    return RawMemory.getInt(at, AIO_KEY);
  }

  /** Writes {@code aio_key}: the kernel stores 0 (KIOCB_KEY) if cancel is possible. */
  public static void aioKey(long at, int value) {
    RawMemory.putInt(at, AIO_KEY, value);
  }

  /** Reads {@code aio_rw_flags}: RWF_* flags. */
  public static int aioRwFlags(long at) {
    return RawMemory.getInt(at, AIO_RW_FLAGS);
  }

  /** Writes {@code aio_rw_flags}: RWF_* flags. */
  public static void aioRwFlags(long at, int value) {
    RawMemory.putInt(at, AIO_RW_FLAGS, value);
  }

  /** Reads {@code aio_lio_opcode}: IOCB_CMD_*. */
  public static short aioLioOpcode(long at) {
    return RawMemory.getShort(at, AIO_LIO_OPCODE);
  }

  /** Writes {@code aio_lio_opcode}: IOCB_CMD_*. */
  public static void aioLioOpcode(long at, short value) {
    RawMemory.putShort(at, AIO_LIO_OPCODE, value);
  }

  /** Reads {@code aio_reqprio}: I/O priority, read only with IOCB_FLAG_IOPRIO. */
  public static short aioReqprio(long at) {
    return RawMemory.getShort(at, AIO_REQPRIO);
  }

  /** Writes {@code aio_reqprio}: I/O priority, read only with IOCB_FLAG_IOPRIO. */
  public static void aioReqprio(long at, short value) {
    RawMemory.putShort(at, AIO_REQPRIO, value);
  }

  /** Reads {@code aio_fildes}: the file descriptor. */
  public static int aioFildes(long at) {
    return RawMemory.getInt(at, AIO_FILDES);
  }

  /** Writes {@code aio_fildes}: the file descriptor. */
  public static void aioFildes(long at, int value) {
    RawMemory.putInt(at, AIO_FILDES, value);
  }

  /** Reads {@code aio_buf}: buffer, iovec array, or the poll mask. */
  public static long aioBuf(long at) {
    return RawMemory.getLong(at, AIO_BUF);
  }

  /** Writes {@code aio_buf}: buffer, iovec array, or the poll mask. */
  public static void aioBuf(long at, long value) {
    RawMemory.putLong(at, AIO_BUF, value);
  }

  /** Reads {@code aio_nbytes}: bytes, or the number of iovecs. */
  public static long aioNbytes(long at) {
    return RawMemory.getLong(at, AIO_NBYTES);
  }

  /** Writes {@code aio_nbytes}: bytes, or the number of iovecs. */
  public static void aioNbytes(long at, long value) {
    RawMemory.putLong(at, AIO_NBYTES, value);
  }

  /** Reads {@code aio_offset}: file offset in bytes. */
  public static long aioOffset(long at) {
    return RawMemory.getLong(at, AIO_OFFSET);
  }

  /** Writes {@code aio_offset}: file offset in bytes. */
  public static void aioOffset(long at, long value) {
    RawMemory.putLong(at, AIO_OFFSET, value);
  }

  /** Reads {@code aio_reserved2}: must be 0. */
  public static long aioReserved2(long at) {
    return RawMemory.getLong(at, AIO_RESERVED2);
  }

  /** Writes {@code aio_reserved2}: must be 0. */
  public static void aioReserved2(long at, long value) {
    RawMemory.putLong(at, AIO_RESERVED2, value);
  }

  /** Reads {@code aio_flags}: IOCB_FLAG_*. */
  public static int aioFlags(long at) {
    return RawMemory.getInt(at, AIO_FLAGS);
  }

  /** Writes {@code aio_flags}: IOCB_FLAG_*. */
  public static void aioFlags(long at, int value) {
    RawMemory.putInt(at, AIO_FLAGS, value);
  }

  /** Reads {@code aio_resfd}: an eventfd, with IOCB_FLAG_RESFD. */
  public static int aioResfd(long at) {
    return RawMemory.getInt(at, AIO_RESFD);
  }

  /** Writes {@code aio_resfd}: an eventfd, with IOCB_FLAG_RESFD. */
  public static void aioResfd(long at, int value) {
    RawMemory.putInt(at, AIO_RESFD, value);
  }

  /** Returns the address of {@code aio_key}, which the kernel writes separately. */
  public static long aioKeyAddress(long at) {
    return at + AIO_KEY;
  }
}
