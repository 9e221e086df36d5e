// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Sentence;
import io.pollux.companion.source.SourceTree;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The index of the search, in the form that lunr.js writes and loads. Each entry has two fields:
 * its name with the parts of it, and other words. Scores are those of lunr (BM25).
 */
final class SearchIndex {
  private static final String VERSION = "2.3.9";
  private static final double K1 = 1.2;
  private static final double B = 0.75;

  /** What the search finds: a name, what it is, and where. */
  private record Entry(
      String title, String kind, String href, List<String> name, List<String> words) {}

  private final List<Entry> entries = new ArrayList<>();

  void add(Page page) {
    if (!page.words().isEmpty()) {
      entries.add(
          new Entry(page.title(), "page", page.path(), parts(page.title()), words(page.words())));
    }
  }

  void add(SourceTree tree) {
    Map<String, List<Decl>> c = new TreeMap<>();
    tree.decls()
        .filter(decl -> !decl.file().test())
        .forEach(
            decl ->
                decl.linux()
                    .forEach(
                        linux ->
                            linux
                                .names()
                                .forEach(
                                    name ->
                                        c.computeIfAbsent(name, n -> new ArrayList<>())
                                            .add(decl))));
    c.forEach(
        (name, decls) -> {
          List<Decl> places = places(decls);
          entries.add(
              new Entry(
                  name,
                  "C, here " + places.getFirst().shown(),
                  places.size() == 1 ? "src/" + places.getFirst().href() : "c.html#" + name,
                  parts(name),
                  List.of()));
        });
    tree.decls()
        .filter(decl -> !decl.file().test() || decl.test() || decl.kind() == Decl.Kind.TYPE)
        .filter(decl -> !decl.overridesOnly())
        .forEach(
            decl ->
                entries.add(
                    new Entry(
                        decl.shown(),
                        decl.test()
                            ? "test"
                            : decl.kind().name().toLowerCase(Locale.ROOT)
                                + (decl.file().test() ? " in tests" : ""),
                        "src/" + decl.href(),
                        parts(decl.name()),
                        wordsOf(decl))));
  }

  /** The counterparts of a C name, without the trace points that stand in one of them. */
  private static List<Decl> places(List<Decl> decls) {
    List<Decl> places = decls.stream().filter(decl -> !decl.constant()).toList();
    return places.isEmpty() ? decls : places;
  }

  /** Other words of a declaration: few, because the index is loaded as a whole. */
  private static List<String> wordsOf(Decl decl) {
    return decl.test()
        ? words(Sentence.ofName(decl.name()))
        : decl.kind() == Decl.Kind.TYPE ? words(decl.doc()) : List.of();
  }

  /** A name in lower case, and its parts at dots, underscores and capitals. */
  private static List<String> parts(String name) {
    Set<String> parts = new LinkedHashSet<>();
    for (String word : name.split("[^\\p{L}\\p{N}_]+", -1)) {
      parts.add(word.toLowerCase(Locale.ROOT));
      for (String piece : word.split("_|(?<=[a-z0-9])(?=[A-Z])", -1)) {
        if (piece.length() > 1) {
          parts.add(piece.toLowerCase(Locale.ROOT));
        }
      }
    }
    parts.remove("");
    return List.copyOf(parts);
  }

  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    for (String word : text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}_]+", -1)) {
      if (word.length() > 2 && word.length() < 40) {
        words.add(word);
      }
    }
    return words;
  }

  /** The script that holds the index. */
  String script() {
    TreeMap<String, List<Map<Integer, Integer>>> terms = new TreeMap<>(); // term, field, entry, tf
    double[] total = new double[2];
    for (int i = 0; i < entries.size(); i++) {
      for (int field = 0; field < 2; field++) {
        List<String> tokens = field == 0 ? entries.get(i).name() : entries.get(i).words();
        total[field] += tokens.size();
        for (String token : tokens) {
          terms
              .computeIfAbsent(token, t -> List.of(new TreeMap<>(), new TreeMap<>()))
              .get(field)
              .merge(i, 1, Integer::sum);
        }
      }
    }
    Map<String, Integer> numbers = new HashMap<>();
    terms.keySet().forEach(term -> numbers.put(term, numbers.size()));
    StringBuilder json = new StringBuilder("pollux.search={\"entries\":[");
    for (int i = 0; i < entries.size(); i++) {
      Entry entry = entries.get(i);
      json.append(i == 0 ? "" : ",").append('[');
      string(entry.title(), json).append(',');
      string(entry.kind(), json).append(',');
      string(entry.href(), json).append(']');
    }
    json.append("],\"index\":{\"version\":\"" + VERSION + "\",\"fields\":[\"n\",\"w\"],");
    json.append("\"fieldVectors\":[");
    for (int field = 0; field < 2; field++) {
      vectors(field, total[field] / entries.size(), terms, numbers, json);
    }
    json.append("],\"invertedIndex\":[");
    int number = 0;
    for (Map.Entry<String, List<Map<Integer, Integer>>> term : terms.entrySet()) {
      json.append(number == 0 ? "[" : ",[");
      string(term.getKey(), json).append(",{\"_index\":").append(number++);
      for (int field = 0; field < 2; field++) {
        json.append(field == 0 ? ",\"n\":{" : ",\"w\":{");
        String comma = "";
        for (int entry : term.getValue().get(field).keySet()) {
          json.append(comma).append('"').append(entry).append("\":{}");
          comma = ",";
        }
        json.append('}');
      }
      json.append("}]");
    }
    return json.append("],\"pipeline\":[]}};\n").toString();
  }

  private void vectors(
      int field,
      double average,
      Map<String, List<Map<Integer, Integer>>> terms,
      Map<String, Integer> numbers,
      StringBuilder json) {
    for (int i = 0; i < entries.size(); i++) {
      List<String> tokens = field == 0 ? entries.get(i).name() : entries.get(i).words();
      TreeMap<Integer, Double> scores = new TreeMap<>();
      for (String token : Set.copyOf(tokens)) {
        List<Map<Integer, Integer>> postings =
            terms.getOrDefault(token, List.of(Map.of(), Map.of()));
        Set<Integer> in = new HashSet<>(postings.get(0).keySet());
        in.addAll(postings.get(1).keySet());
        double df = in.size();
        double idf = Math.log(1 + Math.abs((entries.size() - df + 0.5) / (df + 0.5)));
        double tf = postings.get(field).getOrDefault(i, 0);
        double length = 1 - B + B * (tokens.size() / Math.max(1e-9, average));
        double score = idf * ((K1 + 1) * tf) / (K1 * length + tf);
        scores.put(numbers.getOrDefault(token, 0), Math.round(score * 100) / 100.0);
      }
      json.append(field == 0 && i == 0 ? "[\"" : ",[\"").append(field == 0 ? "n/" : "w/").append(i);
      json.append("\",[");
      String comma = "";
      for (Map.Entry<Integer, Double> score : scores.entrySet()) {
        json.append(comma).append(score.getKey()).append(',').append(score.getValue());
        comma = ",";
      }
      json.append("]]");
    }
  }

  private static StringBuilder string(String text, StringBuilder json) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> json.append('\\').append(c);
        case '<' -> json.append("\\u003c");
        case '\n', '\r', '\t' -> json.append(' ');
        default -> json.append(c);
      }
    }
    return json.append('"');
  }
}
