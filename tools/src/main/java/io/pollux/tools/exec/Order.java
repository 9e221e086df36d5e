// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.NullParameters;
import io.pollux.tools.image.TargetSpec;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A target in an environment variable: the command line writes it, and the kernel in the program
 * reads it.
 */
final class Order {
  /** Name of the variable. */
  static final String VARIABLE = "POLLUX_TARGET";

  private Order() {}

  static String write(TargetSpec spec) {
    Properties fields = new Properties();
    put(fields, "image", spec.image() == null ? null : spec.image().toAbsolutePath());
    put(fields, "fs", spec.fs());
    put(fields, "disk", spec.disk());
    put(fields, "size", spec.size().isPresent() ? spec.size().getAsLong() : null);
    put(fields, "readOnly", spec.readOnly());
    put(fields, "norecovery", spec.norecovery());
    NullParameters nullDisk = spec.nullDisk();
    if (nullDisk != null) {
      put(fields, "irqmode", nullDisk.irqmode());
      put(fields, "completionNsec", nullDisk.completionNsec());
      put(fields, "hwQueueDepth", nullDisk.hwQueueDepth());
      put(fields, "submitQueues", nullDisk.submitQueues());
      put(fields, "pollQueues", nullDisk.pollQueues());
      put(fields, "bs", nullDisk.bs());
      put(fields, "memoryBacked", nullDisk.memoryBacked());
    }
    put(fields, "faults", spec.faults());
    StringWriter text = new StringWriter();
    try {
      fields.store(text, null);
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be written", e);
    }
    return text.toString();
  }

  private static void put(Properties fields, String name, @Nullable Object value) {
    if (value != null) {
      fields.setProperty(name, value.toString());
    }
  }

  static TargetSpec read(String text) {
    Properties fields = new Properties();
    try {
      fields.load(new StringReader(text));
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be read", e);
    }
    String image = fields.getProperty("image");
    String fs = fields.getProperty("fs");
    String disk = fields.getProperty("disk");
    String size = fields.getProperty("size");
    String faults = fields.getProperty("faults");
    return new TargetSpec(
        image == null ? null : Path.of(image),
        fs == null ? null : TargetSpec.Fs.valueOf(fs.toUpperCase(Locale.ROOT)),
        null,
        disk == null ? null : TargetSpec.Disk.valueOf(disk.toUpperCase(Locale.ROOT)),
        size == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(size)),
        Boolean.parseBoolean(fields.getProperty("readOnly")),
        Boolean.parseBoolean(fields.getProperty("norecovery")),
        nullDisk(fields),
        faults == null ? null : FaultPlan.parse(faults),
        false); // only for bench
  }

  private static @Nullable NullParameters nullDisk(Properties fields) {
    String irqmode = fields.getProperty("irqmode");
    return irqmode == null
        ? null
        : new NullParameters(
            NullParameters.IrqMode.valueOf(irqmode),
            Long.parseLong(fields.getProperty("completionNsec")),
            Integer.parseInt(fields.getProperty("hwQueueDepth")),
            Integer.parseInt(fields.getProperty("submitQueues")),
            Integer.parseInt(fields.getProperty("pollQueues")),
            Integer.parseInt(fields.getProperty("bs")),
            Boolean.parseBoolean(fields.getProperty("memoryBacked")));
  }
}
