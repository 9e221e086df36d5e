// SPDX-License-Identifier: GPL-2.0-only

/**
 * The interface between user programs and the kernel: struct layouts, constants, errnos and call
 * numbers of the x86-64 ABI after the polled-AIO series. Also the annotations that link Java code
 * to patches and to C sources. It depends on no other module.
 */
module io.pollux.uapi {
  requires static transitive org.jspecify;

  exports io.pollux.uapi;
}
