// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioAbi;

/** A flag of io_setup2, with its name for dumps. */
enum AioFlags {
  USERIOCB(AioAbi.IOCTX_FLAG_USERIOCB),
  IOPOLL(AioAbi.IOCTX_FLAG_IOPOLL),
  FIXEDBUFS(AioAbi.IOCTX_FLAG_FIXEDBUFS),
  SCQRING(AioAbi.IOCTX_FLAG_SCQRING),
  SQTHREAD(AioAbi.IOCTX_FLAG_SQTHREAD),
  SQWQ(AioAbi.IOCTX_FLAG_SQWQ),
  SQPOLL(AioAbi.IOCTX_FLAG_SQPOLL);

  private final int bit;

  AioFlags(int bit) {
    this.bit = bit;
  }

  /** Returns the names of IOCTX_FLAG_* flags, such as " IOPOLL SCQRING". */
  static String text(int flags) {
    StringBuilder text = new StringBuilder();
    for (AioFlags flag : values()) {
      if ((flags & flag.bit) != 0) {
        text.append(' ').append(flag.name());
      }
    }
    return text.toString();
  }
}
