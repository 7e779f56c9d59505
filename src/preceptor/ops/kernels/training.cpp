// What lies between the matrix products of a transformer, forward and backward, each in one pass over memory.
//
// Shapes: N tokens, D width, F width of the MLP, R rows, L places of a row, H heads, W width of a head, V vocabulary.
// All loops run over whole rows of memory in parallel and in a fixed order inside, so results do not depend on timing.
#include <cmath>
#include "scalar.h"

extern "C" {

// sum = x + delta (delta may be null); normed = sum / rms(sum) · (weight + offset). Sums stay in fp32.
void add_rms_norm(const float *x, const T *delta, const float *weight, float *sum, T *normed, float *inverse_rms,
                         int64_t N, int64_t D, float eps) {
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const float *from = x + n * D;
        float *to = sum + n * D;
        float squares = 0;
        if (delta) {
            const T *more = delta + n * D;
#pragma omp simd reduction(+ : squares)
            for (int64_t d = 0; d < D; d++) {
                float value = from[d] + load(more[d]);
                to[d] = value;
                squares += value * value;
            }
        } else {
#pragma omp simd reduction(+ : squares)
            for (int64_t d = 0; d < D; d++) squares += from[d] * from[d];
            if (to != from) memcpy(to, from, D * sizeof(float));
        }
        float scale = 1.0f / sqrtf(squares / D + eps);
        inverse_rms[n] = scale;
        T *out = normed + n * D;
#pragma omp simd
        for (int64_t d = 0; d < D; d++) store(out[d], to[d] * scale * weight[d]);
    }
}

// grad_x = grad_sum + ∂normed/∂sum · grad_normed, written over grad_sum; grad_weight in `slices` partial sums of D.
void add_rms_norm_backward(const float *sum, const float *weight, const float *inverse_rms, const T *grad_normed,
                                  float *grad_sum, T *grad_delta, float *grad_weight, int64_t N, int64_t D,
                                  int64_t slices) {
#pragma omp parallel for schedule(static)
    for (int64_t slice = 0; slice < slices; slice++) {
        float *grad_w = grad_weight + slice * D;
        for (int64_t n = N * slice / slices; n < N * (slice + 1) / slices; n++) {
            const float *x = sum + n * D;
            const T *grad = grad_normed + n * D;
            float *grad_x = grad_sum + n * D;
            float scale = inverse_rms[n], dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t d = 0; d < D; d++) {
                float g = load(grad[d]);
                grad_w[d] += g * x[d] * scale;
                dot += g * weight[d] * x[d];
            }
            float pull = dot * scale * scale * scale / D;
#pragma omp simd
            for (int64_t d = 0; d < D; d++) {
                float g = grad_x[d] + load(grad[d]) * weight[d] * scale - x[d] * pull;
                grad_x[d] = g;
            }
            if (grad_delta) {
                T *out = grad_delta + n * D;
#pragma omp simd
                for (int64_t d = 0; d < D; d++) store(out[d], grad_x[d]);
            }
        }
    }
}

// Tokens (N, H·W) to attention rows (R, H, L, W): token n goes to place[n] = row · L + column. With tables of cosines
// and sines (position, W), halves of each head are rotated by the token's position on the way (by minus it when
// `backwards`); gaps are not touched. `to_rows` false goes the other way, which is also the gradient. A token whose place
// is negative stands nowhere: it leaves the rows alone and gets zeros out of them.
void move_heads(const T *from, T *to, const int32_t *place, const int32_t *position, const float *cosine, const float *sine,
                int64_t N, int64_t H, int64_t L, int64_t W, int64_t to_rows, int64_t backwards) {
    float direction = backwards ? -1.0f : 1.0f;
    int64_t half = W / 2;
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < N; n++) {
        if (place[n] < 0) {
            if (!to_rows) memset((void *)(to + n * H * W), 0, H * W * sizeof(T));
            continue;
        }
        int64_t row = place[n] / L, column = place[n] % L;
        const float *cos_n = cosine ? cosine + (int64_t)position[n] * W : nullptr;
        const float *sin_n = sine ? sine + (int64_t)position[n] * W : nullptr;
        for (int64_t h = 0; h < H; h++) {
            int64_t flat = (n * H + h) * W, spread = ((row * H + h) * L + column) * W;
            const T *source = from + (to_rows ? flat : spread);
            T *target = to + (to_rows ? spread : flat);
            if (!cos_n) {
                memcpy(target, source, W * sizeof(T));
                continue;
            }
#pragma omp simd
            for (int64_t w = 0; w < half; w++) {
                float a = load(source[w]), b = load(source[w + half]);
                store(target[w], a * cos_n[w] - b * sin_n[w] * direction);
                store(target[w + half], b * cos_n[w + half] + a * sin_n[w + half] * direction);
            }
        }
    }
}

// A place may attend to places [prefix_start, prefix_end) of its row and to [start, itself], the prefix coming first.
// Scores (rows · heads, queries, L) to probabilities in place. Query q of `queries` stands at column q % L: several query
// heads may share one key head. `heads` of these follow one another for each row.
void masked_softmax(T *scores, const int32_t *prefix_start, const int32_t *prefix_end, const int32_t *start,
                    int64_t rows, int64_t heads, int64_t queries, int64_t L, float scale) {
#pragma omp parallel for schedule(static) collapse(2)
    for (int64_t rh = 0; rh < rows * heads; rh++)
        for (int64_t q = 0; q < queries; q++) {
            int64_t row = rh / heads, column = q % L, at = row * L + column;
            T *line = scores + (rh * queries + q) * L;
            int64_t p0 = prefix_start[at], p1 = prefix_end[at], s = start[at], e = column + 1;
            float highest = -INFINITY, total = 0, weight[L];
#pragma omp simd reduction(max : highest)
            for (int64_t j = p0; j < p1; j++) highest = larger(highest, load(line[j]));
#pragma omp simd reduction(max : highest)
            for (int64_t j = s; j < e; j++) highest = larger(highest, load(line[j]));
#pragma omp simd reduction(+ : total)
            for (int64_t j = p0; j < p1; j++) total += weight[j] = fast_exp((load(line[j]) - highest) * scale);
#pragma omp simd reduction(+ : total)
            for (int64_t j = s; j < e; j++) total += weight[j] = fast_exp((load(line[j]) - highest) * scale);
            float inverse = 1.0f / total;
            memset((void *)line, 0, p0 * sizeof(T));
#pragma omp simd
            for (int64_t j = p0; j < p1; j++) store(line[j], weight[j] * inverse);
            memset((void *)(line + p1), 0, (s - p1) * sizeof(T));
#pragma omp simd
            for (int64_t j = s; j < e; j++) store(line[j], weight[j] * inverse);
            memset((void *)(line + e), 0, (L - e) * sizeof(T));
        }
}

// grad of scores = p · (grad of p − Σ p · grad of p) · scale, written over the gradient of the probabilities.
void masked_softmax_backward(const T *probabilities, T *grad, const int32_t *prefix_start, const int32_t *prefix_end, const int32_t *start,
                    int64_t rows, int64_t heads,
                                    int64_t queries, int64_t L, float scale) {
#pragma omp parallel for schedule(static) collapse(2)
    for (int64_t rh = 0; rh < rows * heads; rh++)
        for (int64_t q = 0; q < queries; q++) {
            int64_t row = rh / heads, column = q % L, at = row * L + column;
            const T *p = probabilities + (rh * queries + q) * L;
            T *line = grad + (rh * queries + q) * L;
            int64_t p0 = prefix_start[at], p1 = prefix_end[at], s = start[at], e = column + 1;
            float dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t j = p0; j < p1; j++) dot += load(p[j]) * load(line[j]);
#pragma omp simd reduction(+ : dot)
            for (int64_t j = s; j < e; j++) dot += load(p[j]) * load(line[j]);
            memset((void *)line, 0, p0 * sizeof(T));
#pragma omp simd
            for (int64_t j = p0; j < p1; j++) store(line[j], load(p[j]) * (load(line[j]) - dot) * scale);
            memset((void *)(line + p1), 0, (s - p1) * sizeof(T));
#pragma omp simd
            for (int64_t j = s; j < e; j++) store(line[j], load(p[j]) * (load(line[j]) - dot) * scale);
            memset((void *)(line + e), 0, (L - e) * sizeof(T));
        }
}

// out = silu(gate) · up
void swiglu(const T *gate, const T *up, T *out, int64_t size) {
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < size; i++) {
        float g = load(gate[i]);
        store(out[i], g * sigmoid(g) * load(up[i]));
    }
}

void swiglu_backward(const T *gate, const T *up, const T *grad, T *grad_gate, T *grad_up, int64_t size) {
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < size; i++) {
        float g = load(gate[i]), d = load(grad[i]), s = sigmoid(g);
        store(grad_gate[i], d * load(up[i]) * s * (1.0f + g * (1.0f - s)));
        store(grad_up[i], d * g * s);
    }
}

// Of each row of logits divided by the temperature: log p(token), logsumexp, and the entropy in nats.
void token_logprobs(const T *logits, const int64_t *token, float *logprob, float *total, float *entropy, int64_t N,
                           int64_t V, float inverse_temperature) {
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const T *line = logits + n * V;
        float highest = -INFINITY, sum = 0, expected = 0;
#pragma omp simd reduction(max : highest)
        for (int64_t v = 0; v < V; v++) highest = larger(highest, load(line[v]));
        // A logit of −∞ counts as p = 0, and 0 · −∞ must not become NaN.
#pragma omp simd reduction(+ : sum, expected)
        for (int64_t v = 0; v < V; v++) {
            float z = larger((load(line[v]) - highest) * inverse_temperature, -1e30f), p = fast_exp(z);
            sum += p;
            expected += p * z;
        }
        float shifted = logf(sum);
        total[n] = shifted + highest * inverse_temperature;
        logprob[n] = (load(line[token[n]]) - highest) * inverse_temperature - shifted;
        entropy[n] = shifted - expected / sum;
    }
}

// Gradient of the logits, written over them: logprob's is onehot − p, the entropy's −p · (log p + entropy).
void token_logprobs_backward(T *logits, const int64_t *token, const float *total, const float *entropy,
                                    const float *grad_logprob, const float *grad_entropy, int64_t N, int64_t V,
                                    float inverse_temperature) {
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < N; n++) {
        T *line = logits + n * V;
        float pull = grad_logprob[n] * inverse_temperature, lse = total[n];
        float chosen = load(line[token[n]]) * inverse_temperature - lse;
        if (grad_entropy) {
            float slope = grad_entropy[n] * inverse_temperature, h = entropy[n];
#pragma omp simd
            for (int64_t v = 0; v < V; v++) {
                float log_p = larger(load(line[v]) * inverse_temperature - lse, -1e30f);
                store(line[v], -fast_exp(log_p) * (pull + slope * (log_p + h)));
            }
            store(line[token[n]], pull - fast_exp(chosen) * (pull + slope * (larger(chosen, -1e30f) + h)));
        } else {
#pragma omp simd
            for (int64_t v = 0; v < V; v++) store(line[v], -fast_exp(load(line[v]) * inverse_temperature - lse) * pull);
            store(line[token[n]], pull - fast_exp(chosen) * pull);
        }
    }
}

}  // extern "C"
