@NullMarked
package io.spillway.kafka.coordinator;

import org.jspecify.annotations.NullMarked;
