// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The colours of text have the contrast that WCAG AA asks for, on each ground, in each theme. */
@Timeout(60)
class ContrastTest {
  private static final Pattern THEME = Pattern.compile("\\{\\s*color-scheme: (\\w+);([^}]*)}");
  private static final Pattern COLOUR = Pattern.compile("--([\\w-]+): #(\\w{6});");
  private static final double AA = 4.5;

  private static double luminance(String rgb) {
    double[] weights = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      double part = Integer.parseInt(rgb.substring(2 * i, 2 * i + 2), 16) / 255.0;
      sum += weights[i] * (part <= 0.03928 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4));
    }
    return sum;
  }

  private static double contrast(String one, String other) {
    double a = luminance(one) + 0.05;
    double b = luminance(other) + 0.05;
    return Math.max(a, b) / Math.min(a, b);
  }

  @Test
  void textCanBeRead() throws IOException {
    List<String> weak = new ArrayList<>();
    int themes = 0;
    for (Matcher theme = THEME.matcher(Output.asset("style.css")); theme.find(); themes++) {
      Map<String, String> colours = new HashMap<>();
      for (Matcher each = COLOUR.matcher(theme.group(2)); each.find(); ) {
        colours.put(each.group(1), each.group(2));
      }
      for (String ground : List.of("paper", "wash", "accent-wash")) {
        for (String text : List.of("ink", "soft", "accent", "comment", "string")) {
          double found =
              contrast(
                  Objects.requireNonNull(colours.get(text)),
                  Objects.requireNonNull(colours.get(ground)));
          if (found < AA) {
            weak.add(theme.group(1) + ": " + text + " on " + ground + " " + found);
          }
        }
      }
    }
    assertThat(themes).isEqualTo(4); // light, dark by the system, dark by choice, paper
    assertThat(weak).isEmpty();
  }
}
