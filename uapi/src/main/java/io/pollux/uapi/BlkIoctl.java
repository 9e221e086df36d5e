// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Requests of ioctl on a block device. */
@LinuxSource(file = "include/uapi/linux/fs.h")
public final class BlkIoctl {
  /** Makes the device read-only or writable, by an int. */
  public static final int BLKROSET = 0x125d;

  /** Whether the device is read-only, as an int. */
  public static final int BLKROGET = 0x125e;

  /** The size of the device in sectors of 512 bytes, as an unsigned long. */
  public static final int BLKGETSIZE = 0x1260;

  /** Writes back dirty pages and drops the cache. */
  public static final int BLKFLSBUF = 0x1261;

  /** Reads the partition table again. */
  public static final int BLKRRPART = 0x125f;

  /** Sets the read-ahead in sectors, by its argument. */
  public static final int BLKRASET = 0x1262;

  /** The read-ahead in sectors, as a long. */
  public static final int BLKRAGET = 0x1263;

  /** {@link #BLKRASET} of a filesystem. */
  public static final int BLKFRASET = 0x1264;

  /** {@link #BLKRAGET} of a filesystem. */
  public static final int BLKFRAGET = 0x1265;

  /** The maximum sectors of a request, as an unsigned short. */
  public static final int BLKSECTGET = 0x1267;

  /** The logical block size in bytes, as an int. */
  public static final int BLKSSZGET = 0x1268;

  /** Adds and removes partitions. */
  public static final int BLKPG = 0x1269;

  /** Discards a range: two u64, its first byte and its length. */
  public static final int BLKDISCARD = 0x1277;

  /** The minimum I/O size in bytes, as an unsigned int. */
  public static final int BLKIOMIN = 0x1278;

  /** The optimal I/O size in bytes, as an unsigned int; 0 if there is none. */
  public static final int BLKIOOPT = 0x1279;

  /** The alignment offset to the physical blocks in bytes, as an int. */
  public static final int BLKALIGNOFF = 0x127a;

  /** The physical block size in bytes, as an unsigned int. */
  public static final int BLKPBSZGET = 0x127b;

  /** Whether discarded blocks read as zeroes, as an unsigned int; always 0. */
  public static final int BLKDISCARDZEROES = 0x127c;

  /** Securely discards a range: two u64. */
  public static final int BLKSECDISCARD = 0x127d;

  /** Whether the device is rotational, as an unsigned short. */
  public static final int BLKROTATIONAL = 0x127e;

  /** Makes a range zero: two u64, its first byte and its length. */
  public static final int BLKZEROOUT = 0x127f;

  /** The size of the device in bytes, as a u64. */
  public static final int BLKGETSIZE64 = 0x80081272;

  /** The block size of the page cache, as an int. */
  public static final int BLKBSZGET = 0x80081270;

  /** Sets the block size of the page cache, by an int. */
  public static final int BLKBSZSET = 0x40081271;

  /** The size of a zone in sectors, as a u32; 0 without zones. */
  public static final int BLKGETZONESZ = 0x80041284;

  /** The number of zones, as a u32. */
  public static final int BLKGETNRZONES = 0x80041285;

  /** Cylinders, heads and sectors. */
  public static final int HDIO_GETGEO = 0x301;

  private BlkIoctl() {}
}
