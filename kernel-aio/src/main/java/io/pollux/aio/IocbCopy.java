// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.Differs;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;

/**
 * The kernel's copy of an iocb: the local struct iocb that C fills by copy_from_user. Each field is
 * read once, so later changes by the program do not affect checked values. The names are those of
 * struct iocb. aio_key belongs to the kernel and is not read.
 */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "iocb")
final class IocbCopy {
  long aioData;
  int aioRwFlags;
  short aioLioOpcode;
  short aioReqprio;
  int aioFildes;
  long aioBuf;
  long aioNbytes;
  long aioOffset;
  long aioReserved2;
  int aioFlags;
  int aioResfd;

  /**
   * Copies a mapped iocb. The program may write to it at the same time.
   *
   * @param iocb its address, any alignment
   */
  @Differs(
      patch = 14,
      kind = Differs.Kind.OURS,
      why =
          "Every iocb is copied before it is checked, so that a program cannot change what was"
              + " checked. The posting uses user-mapped iocbs in place.",
      test = "SubmitDifferencesTest#anIocbThatChangesWhileItIsSubmittedChangesNothing")
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "Every entry of the SQ ring is copied before it is checked. The posting uses entries in"
              + " place.",
      test = "RingDifferencesTest#anIocbThatChangesWhileItIsSubmittedChangesNothing")
  @LinuxSource(file = "include/linux/uaccess.h", name = "copy_from_user")
  void copyFrom(long iocb) {
    aioData = Iocb.aioData(iocb);
    aioRwFlags = Iocb.aioRwFlags(iocb);
    aioLioOpcode = Iocb.aioLioOpcode(iocb);
    aioReqprio = Iocb.aioReqprio(iocb);
    aioFildes = Iocb.aioFildes(iocb);
    aioBuf = Iocb.aioBuf(iocb);
    aioNbytes = Iocb.aioNbytes(iocb);
    aioOffset = Iocb.aioOffset(iocb);
    aioReserved2 = Iocb.aioReserved2(iocb);
    aioFlags = Iocb.aioFlags(iocb);
    aioResfd = Iocb.aioResfd(iocb);
  }

  /** Copies another copy. */
  void copyFrom(IocbCopy other) {
    aioData = other.aioData;
    aioRwFlags = other.aioRwFlags;
    aioLioOpcode = other.aioLioOpcode;
    aioReqprio = other.aioReqprio;
    aioFildes = other.aioFildes;
    aioBuf = other.aioBuf;
    aioNbytes = other.aioNbytes;
    aioOffset = other.aioOffset;
    aioReserved2 = other.aioReserved2;
    aioFlags = other.aioFlags;
    aioResfd = other.aioResfd;
  }
}
