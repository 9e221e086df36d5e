// SPDX-License-Identifier: GPL-2.0-only

/**
 * The ground floor: what user programs and the kernel share. Struct layouts, constants, errnos and call
 * numbers of the x86-64 ABI as the polled-AIO series leaves it, and the annotations that tie the Java
 * code to the patches and to the C it mirrors. It knows no floor.
 */
module io.pollux.uapi {
  requires static transitive org.jspecify;

  exports io.pollux.uapi;
}
