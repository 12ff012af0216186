@org.jspecify.annotations.NullMarked
package io.spillway.benchmarks;
