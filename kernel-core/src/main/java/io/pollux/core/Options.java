// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Options of a mount, of a new filesystem or of a disk: words {@code KEY} or {@code KEY=VALUE}.
 * Their receiver takes those that it knows by key, and then calls {@link #requireAllKnown}, which
 * refuses the others by name. If a key is repeated, the last value counts. Not thread-safe.
 */
@LinuxSource(
    file = "lib/parser.c",
    name = {"match_token", "match_int"})
public final class Options {
  /** Maximum length of the text: that of the data of mount(2). */
  public static final int MAX_LENGTH = 4095;

  private final List<Word> words = new ArrayList<>();
  private final Set<String> known = new TreeSet<>();

  private Options() {}

  /** A word; its value is null without an equals sign. */
  private record Word(String key, @Nullable String value) {
    @Override
    public String toString() {
      return value == null ? key : key + "=" + value;
    }
  }

  /** Returns options without a word. */
  public static Options none() {
    return new Options();
  }

  /**
   * Parses options.
   *
   * @param text words separated by commas; an empty text has none
   * @return the options
   * @throws ErrnoException EINVAL: a word has no key, or the text is longer than {@link
   *     #MAX_LENGTH}
   */
  public static Options parse(String text) throws ErrnoException {
    return of(text.isEmpty() ? List.of() : List.of(text.split(",", -1)));
  }

  /**
   * Parses options.
   *
   * @param words each is KEY or KEY=VALUE
   * @return the options
   * @throws ErrnoException EINVAL: a word has no key, or they are longer than {@link #MAX_LENGTH}
   */
  public static Options of(List<String> words) throws ErrnoException {
    Options options = new Options();
    int length = -1;
    for (String word : words) {
      length += word.length() + 1;
      int equals = word.indexOf('=');
      String key = equals < 0 ? word : word.substring(0, equals);
      if (key.isEmpty()) {
        throw new ErrnoException(Errno.EINVAL, "an option without a name: '" + word + "'");
      }
      options.words.add(new Word(key, equals < 0 ? null : word.substring(equals + 1)));
    }
    if (length > MAX_LENGTH) {
      throw new ErrnoException(
          Errno.EINVAL, "the options have more than " + MAX_LENGTH + " characters");
    }
    return options;
  }

  /** Takes a key. Returns its last word, or null. */
  private @Nullable Word take(String key) {
    known.add(key);
    Word last = null;
    for (Word word : words) {
      last = word.key.equals(key) ? word : last;
    }
    return last;
  }

  /**
   * Takes a flag: {@code KEY} or {@code KEY=1}; {@code KEY=0} is the same as its absence.
   *
   * @param key the key
   * @return whether it is set
   * @throws ErrnoException EINVAL for another value
   */
  public boolean flag(String key) throws ErrnoException {
    Word word = take(key);
    if (word == null) {
      return false;
    }
    return switch (word.value) {
      case null -> true;
      case "1" -> true;
      case "0" -> false;
      default -> throw bad(key, "'" + word.value + "' is neither 0 nor 1");
    };
  }

  /**
   * Takes ro and rw, which the kernel knows for every filesystem. The last of them counts.
   *
   * @param otherwise the result if there is neither
   * @return whether a mount is read-only
   * @throws ErrnoException EINVAL if one has a value
   */
  @LinuxSource(file = "fs/fs_context.c", name = "vfs_parse_sb_flag")
  public boolean readOnly(boolean otherwise) throws ErrnoException {
    boolean readOnly = otherwise;
    for (Word word : words) {
      boolean ro = word.key.equals("ro");
      if (ro || word.key.equals("rw")) {
        if (word.value != null) {
          throw bad(word.key, "it has no value");
        }
        readOnly = ro;
      }
    }
    words.removeIf(word -> word.key.equals("ro") || word.key.equals("rw"));
    return readOnly;
  }

  /**
   * Takes a text.
   *
   * @param key the key
   * @return its value, or null if there is no such word
   * @throws ErrnoException EINVAL if the word has no value
   */
  public @Nullable String text(String key) throws ErrnoException {
    Word word = take(key);
    return word == null ? null : valueOf(word);
  }

  /**
   * Takes all texts of a key that may be repeated.
   *
   * @param key the key
   * @return the values, in order
   * @throws ErrnoException EINVAL if a word has no value
   */
  public List<String> texts(String key) throws ErrnoException {
    known.add(key);
    List<String> values = new ArrayList<>();
    for (Word word : words) {
      if (word.key.equals(key)) {
        values.add(valueOf(word));
      }
    }
    return values;
  }

  private static String valueOf(Word word) throws ErrnoException {
    String value = word.value;
    if (value == null || value.isEmpty()) {
      throw bad(word.key, "its value is missing");
    }
    return value;
  }

  /**
   * Takes a whole number.
   *
   * @param key the key
   * @param otherwise the result if there is no such word
   * @param least smallest valid value
   * @param most largest valid value
   * @return the number
   * @throws ErrnoException EINVAL if it is not a number or out of range
   */
  public long number(String key, long otherwise, long least, long most) throws ErrnoException {
    String value = text(key);
    return value == null ? otherwise : inRange(key, value, parseNumber(key, value), least, most);
  }

  /**
   * Takes a size: digits and an optional unit k, m, g, t, p or e, powers of 1024, in any case.
   *
   * @param key the key
   * @param otherwise the result if there is no such word
   * @param least smallest valid value
   * @param most largest valid value
   * @return bytes
   * @throws ErrnoException EINVAL if it is not a size or out of range
   */
  @LinuxSource(file = "lib/cmdline.c", name = "memparse")
  public long size(String key, long otherwise, long least, long most) throws ErrnoException {
    String value = text(key);
    return value == null ? otherwise : inRange(key, value, parseSize(key, value), least, most);
  }

  private static long inRange(String key, String value, long number, long least, long most)
      throws ErrnoException {
    if (number < least || number > most) {
      throw bad(key, value + " is out of range, from " + least + " to " + most);
    }
    return number;
  }

  private static long parseNumber(String key, String value) throws ErrnoException {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw bad(key, "'" + value + "' is not a whole number");
    }
  }

  private static long parseSize(String key, String value) throws ErrnoException {
    int unit = "kmgtpe".indexOf(Character.toLowerCase(value.charAt(value.length() - 1)));
    String digits = unit < 0 ? value : value.substring(0, value.length() - 1);
    long number;
    try {
      number = Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw bad(key, "'" + value + "' is not a size such as 512, 64k or 1G");
    }
    int shift = 10 * (unit + 1);
    if (number != number << shift >> shift) {
      throw bad(key, value + " is larger than any size can be");
    }
    return number << shift;
  }

  /**
   * Makes the exception for a value that its receiver can't use.
   *
   * @param key the key
   * @param why a clause about the value
   * @return EINVAL, to throw
   */
  public static ErrnoException bad(String key, String why) {
    return new ErrnoException(Errno.EINVAL, "option " + key + ": " + why);
  }

  /**
   * Refuses options that were not taken. Their receiver calls this before it changes anything.
   *
   * @param receiver its name, such as xfs
   * @throws ErrnoException EINVAL that names the first such option
   */
  public void requireAllKnown(String receiver) throws ErrnoException {
    for (Word word : words) {
      if (!known.contains(word.key)) {
        String mine = known.isEmpty() ? "no options" : "only " + String.join(", ", known);
        throw new ErrnoException(
            Errno.EINVAL, receiver + " has no option '" + word.key + "'; it has " + mine);
      }
    }
  }

  /** Returns the words as {@link #parse} accepts them. */
  @Override
  public String toString() {
    return String.join(",", words.stream().map(Word::toString).toList());
  }
}
