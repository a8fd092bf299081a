// SPDX-License-Identifier: Apache-2.0
//
// Reads a configuration file into flat keys with their lines. It works on YAML's node tree and
// not on the values that YAML would make of it: the declared type of a key decides how its text
// is read, so `yes`, `0x10` or `1e3` never turn into something that nobody wrote.
package dev.svr2.host.config;

import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.AnchorNode;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;

/** The scalars of one file by their dotted path. */
final class YamlSource {
  /** One scalar as it stands in the file. */
  record Entry(String path, String text, int line) {}

  /** Sections nest this deep at most; anything deeper is a mistake. */
  private static final int MAX_DEPTH = 4;

  private final String file;
  private final List<ConfigProblem> problems;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private YamlSource(String file, List<ConfigProblem> problems) {
    this.file = file;
    this.problems = problems;
  }

  /**
   * Reads {@code content}. What is not a scalar under string keys, or stands there twice, becomes a
   * problem.
   */
  static Map<String, Entry> read(String file, String content, List<ConfigProblem> problems) {
    YamlSource source = new YamlSource(file, problems);
    try {
      Node root = new Yaml(new LoaderOptions()).compose(new StringReader(content));
      if (root == null) {
        problems.add(
            new ConfigProblem(file, 0, "the file is empty; docs/configuration.md lists the keys"));
      } else if (root instanceof MappingNode mapping) {
        source.walk("", mapping, 1);
      } else {
        problems.add(new ConfigProblem(file, line(root), "expected 'key: value' lines"));
      }
    } catch (MarkedYAMLException e) {
      // Without the snippet that YAML's own message carries: it might show a secret.
      int line = e.getProblemMark() == null ? 0 : e.getProblemMark().getLine() + 1;
      problems.add(new ConfigProblem(file, line, "not YAML: " + e.getProblem()));
    } catch (YAMLException e) {
      problems.add(
          new ConfigProblem(file, 0, "not YAML: a character or a construct that is not allowed"));
    }
    return source.entries;
  }

  private void walk(String prefix, MappingNode mapping, int depth) {
    for (NodeTuple tuple : mapping.getValue()) {
      if (!(tuple.getKeyNode() instanceof ScalarNode keyNode)) {
        problem(tuple.getKeyNode(), "a key must be a plain word");
        continue;
      }
      String path = prefix + keyNode.getValue();
      Node value = tuple.getValueNode();
      if (value instanceof AnchorNode anchor) {
        value = anchor.getRealNode();
      }
      if (value instanceof ScalarNode scalar) {
        add(new Entry(path, scalar.getValue(), line(keyNode)));
      } else if (value instanceof MappingNode inner && depth < MAX_DEPTH) {
        walk(path + ".", inner, depth + 1);
      } else {
        problem(keyNode, path + ": a single value is expected, not a list or a deeper section");
      }
    }
  }

  private void add(Entry entry) {
    Entry earlier = entries.putIfAbsent(entry.path(), entry);
    if (earlier != null) {
      problems.add(
          new ConfigProblem(
              file,
              entry.line(),
              entry.path() + " stands here a second time; the first is in line " + earlier.line()));
    }
  }

  private void problem(Node node, String text) {
    problems.add(new ConfigProblem(file, line(node), text));
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }
}
