// The row-wise and attention half of a transformer block on a CPU: each in one pass, both ways.
//
// Built by `tst.io.native` for the processor at hand and called by `tst.models.transformer.fused`,
// which describes the arguments; float32 and float64.
//
// Attention: series are packed, their rows one after another, qkv (rows, 3, n_head, size) and
// y (rows, n_head, size). It goes in blocks of queries whose weights stay in the cache. A product
// is one micro-kernel: some rows of A, number by number, times two vectors of B, whose sums stay in
// registers. Weights are computed again on the way back, from each query's log of the sum of
// exponentials. What dropout drops is a hash of (seed, row, column): both ways drop the same, and
// no mask is kept. Results do not depend on the number of threads.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#ifdef __AVX512F__
constexpr int VECTOR_BYTES = 64;
constexpr int TILE = 8;  // rows of A: their sums, two vectors each, fit into 32 registers
constexpr int QUERIES = 32;  // of a block: its weights fit into the second-level cache
#else
constexpr int VECTOR_BYTES = 32;
constexpr int TILE = 6;  // and into 16
constexpr int QUERIES = 36;
#endif
constexpr long CHUNK = 256;  // rows that one thread takes at a time

template <typename T>
struct Simd {
    typedef T vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    static constexpr int W = VECTOR_BYTES / sizeof(T);
};
typedef int32_t ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t uvec __attribute__((vector_size(VECTOR_BYTES)));

template <typename T>
inline typename Simd<T>::vec load(const T* p) {
    return *reinterpret_cast<const typename Simd<T>::vec*>(p);
}
template <typename T>
inline void store(T* p, typename Simd<T>::vec x) {
    *reinterpret_cast<typename Simd<T>::vec*>(p) = x;
}

// C (n_rows, n_cols) = or += A (n_rows, n_inner) B (n_inner, n_cols). A's element (i, k) stands at
// a[i * row_step + k * inner_step]; n_cols is a multiple of V vectors.
template <typename T, int R, int V, bool ADD>
inline void tile(long n_inner, const T* a, long row_step, long inner_step, const T* b, long ldb,
                 T* c, long ldc) {
    using vec = typename Simd<T>::vec;
    constexpr int W = Simd<T>::W;
    vec sum[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) sum[r][v] = ADD ? load(c + r * ldc + v * W) : vec{};
    for (long k = 0; k < n_inner; k++) {
        vec row[V];
        for (int v = 0; v < V; v++) row[v] = load(b + k * ldb + v * W);
        for (int r = 0; r < R; r++) {
            const T x = a[r * row_step + k * inner_step];
            for (int v = 0; v < V; v++) sum[r][v] += x * row[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store(c + r * ldc + v * W, sum[r][v]);
}

template <typename T, bool ADD, bool BY_INNER>
void multiply(long n_rows, long n_inner, long n_cols, const T* a, long lda, const T* b, long ldb,
              T* c, long ldc) {
    constexpr int W = Simd<T>::W;
    const long row_step = BY_INNER ? 1 : lda;
    const long inner_step = BY_INNER ? lda : 1;
    for (long j = 0; j < n_cols;) {
        const bool two = j + 2 * W <= n_cols;
        long i = 0;
        for (; i + TILE <= n_rows; i += TILE) {
            const T* rows = a + i * row_step;
            if (two)
                tile<T, TILE, 2, ADD>(n_inner, rows, row_step, inner_step, b + j, ldb,
                                      c + i * ldc + j, ldc);
            else
                tile<T, TILE, 1, ADD>(n_inner, rows, row_step, inner_step, b + j, ldb,
                                      c + i * ldc + j, ldc);
        }
        for (; i < n_rows; i++) {
            const T* rows = a + i * row_step;
            if (two)
                tile<T, 1, 2, ADD>(n_inner, rows, row_step, inner_step, b + j, ldb,
                                   c + i * ldc + j, ldc);
            else
                tile<T, 1, 1, ADD>(n_inner, rows, row_step, inner_step, b + j, ldb,
                                   c + i * ldc + j, ldc);
        }
        j += two ? 2 * W : W;
    }
}

// e^x for x <= 0, within 2 units of the last place: 2^n times a polynomial (Cephes) of the rest.
inline Simd<float>::vec exponential(Simd<float>::vec x) {
    using vec = Simd<float>::vec;
    const vec lowest = vec{} - 87.0f;
    x = x < lowest ? lowest : x;
    const vec magic = vec{} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    const vec n = x * 1.44269504f + magic;
    const vec whole = n - magic;
    const vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    vec y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    const ivec bits = (ivec)y + ((ivec)n << 23);
    return (vec)bits;
}
inline Simd<double>::vec exponential(Simd<double>::vec x) {
    for (int i = 0; i < Simd<double>::W; i++) x[i] = std::exp(x[i]);
    return x;
}

inline uint32_t mix(uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)((x ^ (x >> 31)) >> 32);
}
template <typename I>
inline I scramble(I x) {  // a 32-bit hash of low bias
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

struct Dropout {
    uint64_t seed;
    uint32_t dropped;  // a hash below this drops the weight; 0: nothing is dropped
    double factor;     // of what is kept
};

// Multiply a row's numbers from column `first` on by 0 or the factor, in whole vectors: up to W - 1
// numbers after `last` are multiplied, too.
inline void drop(const Dropout& dropout, uint64_t row, long first, long last, float* weights) {
    constexpr int W = Simd<float>::W;
    const uint32_t of_row = mix(dropout.seed ^ (row * 0x9e3779b97f4a7c15ull));
    uvec column;
    for (int i = 0; i < W; i++) column[i] = (uint32_t)(first + i);
    const auto factor = Simd<float>::vec{} + (float)dropout.factor;
    for (long j = first; j < last; j += W, column += (uint32_t)W) {
        const uvec bits = scramble((column * 0x9e3779b9u) ^ of_row);
        const auto keeps = bits >= (uvec{} + dropout.dropped);
        store(weights + j, keeps ? load(weights + j) * factor : Simd<float>::vec{});
    }
}
inline void drop(const Dropout& dropout, uint64_t row, long first, long last, double* weights) {
    const uint32_t of_row = mix(dropout.seed ^ (row * 0x9e3779b97f4a7c15ull));
    for (long j = first; j < last; j++) {
        const uint32_t bits = scramble(((uint32_t)j * 0x9e3779b9u) ^ of_row);
        weights[j] = bits >= dropout.dropped ? weights[j] * dropout.factor : 0.0;
    }
}

// Sum of n numbers, and of the products of two times n, in whole vectors and a rest.
template <typename T>
inline T sum_of(const T* x, long n) {
    typename Simd<T>::vec sums = {};
    long i = 0;
    for (; i + Simd<T>::W <= n; i += Simd<T>::W) sums += load(x + i);
    T sum = 0;
    for (; i < n; i++) sum += x[i];
    for (int k = 0; k < Simd<T>::W; k++) sum += sums[k];
    return sum;
}
template <typename T>
inline T product_of(const T* x, const T* y, long n) {
    typename Simd<T>::vec sums = {};
    long i = 0;
    for (; i + Simd<T>::W <= n; i += Simd<T>::W) sums += load(x + i) * load(y + i);
    T sum = 0;
    for (; i < n; i++) sum += x[i] * y[i];
    for (int k = 0; k < Simd<T>::W; k++) sum += sums[k];
    return sum;
}

// Run work(next) on some threads; next() returns the number of a task, or -1 where none is left.
// Returns whether memory sufficed; where threads do not, fewer work.
template <typename Work>
bool on_threads(long n_tasks, long n_threads, Work work) {
    std::atomic<long> first{0};
    std::atomic<bool> sufficed{true};
    auto run = [&]() {
        try {
            work([&]() {
                const long task = first++;
                return task < n_tasks ? task : -1;
            });
        } catch (const std::bad_alloc&) {
            sufficed = false;
        }
    };
    std::vector<std::thread> threads;
    try {
        for (long i = 1; i < std::min(n_threads, n_tasks); i++) threads.emplace_back(run);
    } catch (const std::exception&) {
    }
    run();
    for (auto& thread : threads) thread.join();
    return sufficed;
}

// One head of one series, and the working memory of a thread.
template <typename T>
struct Head {
    static constexpr int W = Simd<T>::W;
    long n = 0, width = 0, size, window;  // steps; steps to whole vectors
    Dropout dropout;
    uint64_t first_query = 0;
    std::vector<T> q, k, v, kt, vt, dy, dq, dk, dv, weights, scores, dropped, out;

    Head(long size, long window, Dropout dropout) : size(size), window(window), dropout(dropout) {}

    void begin(long n_steps, uint64_t query) {
        n = n_steps;
        width = (n + W - 1) / W * W;
        first_query = query;
        for (auto* x : {&q, &k, &v, &dy, &dq, &dk, &dv}) x->resize(width * size);
        for (auto* x : {&kt, &vt}) x->resize(width * size);
        for (auto* x : {&weights, &scores, &dropped}) x->resize(QUERIES * width);
        out.resize(QUERIES * size);
    }

    void gather(const T* from, long step, T factor, std::vector<T>& to) const {
        for (long t = 0; t < n; t++)
            for (long d = 0; d < size; d++) to[t * size + d] = from[t * step + d] * factor;
        std::fill(to.begin() + n * size, to.begin() + width * size, T(0));
    }
    void transpose(const std::vector<T>& from, std::vector<T>& to) const {
        constexpr long BLOCK = 16;
        for (long t0 = 0; t0 < width; t0 += BLOCK)
            for (long d = 0; d < size; d++)
                for (long t = t0; t < std::min(t0 + BLOCK, width); t++)
                    to[d * width + t] = from[t * size + d];
    }
    long first_key(long query) const { return std::max(0L, query - window + 1); }

    // Products of queries from..to with keys [start, stop), rows of `width`.
    void products(const T* a, const std::vector<T>& bt, long rows, long start, long stop, T* c) {
        multiply<T, false, false>(rows, size, stop - start, a, size, bt.data() + start, width,
                                  c + start, width);
    }
};

// Softmax of a row over the keys [first, last); zeros elsewhere in [start, stop). Unnormalised:
// returns the sum, and the largest in `most`.
template <typename T>
T soften(T* row, long first, long last, long start, long stop, T* most) {
    using vec = typename Simd<T>::vec;
    constexpr int W = Simd<T>::W;
    const T none = -std::numeric_limits<T>::infinity();
    for (long j = start; j < first; j++) row[j] = none;
    for (long j = last; j < stop; j++) row[j] = none;
    vec high = load(row + start);
    for (long j = start + W; j < stop; j += W) {
        const vec x = load(row + j);
        high = x > high ? x : high;
    }
    T largest = high[0];
    for (int i = 1; i < W; i++) largest = std::max(largest, T(high[i]));
    vec sum = vec{};
    for (long j = start; j < stop; j += W) {
        const vec e = exponential(load(row + j) - largest);
        store(row + j, e);
        sum += e;
    }
    for (long j = start; j < first; j++) row[j] = 0;
    for (long j = last; j < stop; j++) row[j] = 0;
    T total = 0;
    for (int i = 0; i < W; i++) total += sum[i];
    *most = largest;
    return total;
}

template <typename T>
void forward_head(Head<T>& h, const T* qkv, long step, long n_all, T* y, long y_step, T* lse) {
    const T scale = T(1) / std::sqrt(T(h.size));
    h.gather(qkv, step, scale, h.q);
    h.gather(qkv + n_all, step, T(1), h.k);
    h.gather(qkv + 2 * n_all, step, T(1), h.v);
    h.transpose(h.k, h.kt);
    for (long a = 0; a < h.n; a += QUERIES) {
        const long rows = std::min<long>(QUERIES, h.n - a);
        const long start = h.first_key(a) / h.W * h.W;
        const long stop = (a + rows + h.W - 1) / h.W * h.W;
        h.products(&h.q[a * h.size], h.kt, rows, start, stop, h.weights.data());
        T inverse[QUERIES];
        for (long i = 0; i < rows; i++) {
            T most;
            T* row = &h.weights[i * h.width];
            const T sum = soften(row, h.first_key(a + i), a + i + 1, start, stop, &most);
            inverse[i] = T(1) / sum;
            lse[a + i] = most + std::log(sum);
            if (h.dropout.dropped) drop(h.dropout, h.first_query + a + i, start, stop, row);
        }
        multiply<T, false, false>(rows, stop - start, h.size, h.weights.data() + start, h.width,
                                  &h.v[start * h.size], h.size, h.out.data(), h.size);
        for (long i = 0; i < rows; i++)
            for (long d = 0; d < h.size; d++)
                y[(a + i) * y_step + d] = h.out[i * h.size + d] * inverse[i];
    }
}

template <typename T>
void backward_head(Head<T>& h, const T* qkv, long step, long n_all, const T* y, const T* dy,
                   long y_step, const T* lse, T* dqkv) {
    using vec = typename Simd<T>::vec;
    const T scale = T(1) / std::sqrt(T(h.size));
    h.gather(qkv, step, scale, h.q);
    h.gather(qkv + n_all, step, T(1), h.k);
    h.gather(qkv + 2 * n_all, step, T(1), h.v);
    h.gather(dy, y_step, T(1), h.dy);
    h.transpose(h.k, h.kt);
    h.transpose(h.v, h.vt);
    std::fill(h.dk.begin(), h.dk.end(), T(0));
    std::fill(h.dv.begin(), h.dv.end(), T(0));
    for (long a = 0; a < h.n; a += QUERIES) {
        const long rows = std::min<long>(QUERIES, h.n - a);
        const long start = h.first_key(a) / h.W * h.W;
        const long stop = (a + rows + h.W - 1) / h.W * h.W;
        const T* d_rows = &h.dy[a * h.size];
        h.products(&h.q[a * h.size], h.kt, rows, start, stop, h.weights.data());
        h.products(d_rows, h.vt, rows, start, stop, h.scores.data());
        T* kept = h.dropout.dropped ? h.dropped.data() : h.weights.data();
        for (long i = 0; i < rows; i++) {
            T* weights = &h.weights[i * h.width];
            T* d = &h.scores[i * h.width];
            const long query = a + i;
            const long first = h.first_key(query);
            T mean = 0;  // of the gradients, under the weights
            for (long c = 0; c < h.size; c++)
                mean += y[query * y_step + c] * d_rows[i * h.size + c];
            for (long j = start; j < stop; j += h.W)
                store(weights + j, exponential(load(weights + j) - lse[query]));
            for (long j = start; j < first; j++) weights[j] = 0;
            for (long j = query + 1; j < stop; j++) weights[j] = 0;
            if (h.dropout.dropped) {
                T* some = kept + i * h.width;
                std::copy(weights + start, weights + stop, some + start);
                drop(h.dropout, h.first_query + query, start, stop, some);
                for (long j = start; j < stop; j += h.W)
                    store(d + j, load(some + j) * load(d + j) - load(weights + j) * mean);
            } else {
                for (long j = start; j < stop; j += h.W)
                    store(d + j, load(weights + j) * (load(d + j) - (vec{} + mean)));
            }
        }
        multiply<T, false, false>(rows, stop - start, h.size, h.scores.data() + start, h.width,
                                  &h.k[start * h.size], h.size, &h.dq[a * h.size], h.size);
        multiply<T, true, true>(stop - start, rows, h.size, h.scores.data() + start, h.width,
                                &h.q[a * h.size], h.size, &h.dk[start * h.size], h.size);
        multiply<T, true, true>(stop - start, rows, h.size, kept + start, h.width, d_rows, h.size,
                                &h.dv[start * h.size], h.size);
    }
    for (long t = 0; t < h.n; t++)
        for (long d = 0; d < h.size; d++) {
            T* to = dqkv + t * step + d;
            to[0] = h.dq[t * h.size + d] * scale;
            to[n_all] = h.dk[t * h.size + d];
            to[2 * n_all] = h.dv[t * h.size + d];
        }
}

// Run work(head, its series' first row, number of the head) for each, on some threads.
template <typename T, typename Work>
bool each_head(const long* lengths, long n_series, long n_head, long size, long window,
               Dropout dropout, long n_threads, Work work) {
    std::vector<long> first_row(n_series + 1, 0);
    for (long i = 0; i < n_series; i++) first_row[i + 1] = first_row[i] + lengths[i];
    return on_threads(n_series * n_head, n_threads, [&](auto next) {
        Head<T> head(size, window, dropout);
        for (long task; (task = next()) >= 0;) {
            const long series = task / n_head;
            const long number = task % n_head;
            head.begin(lengths[series], number * first_row[n_series] + first_row[series]);
            work(head, first_row[series], number);
        }
    });
}

template <typename T>
bool forward(const T* qkv, T* y, T* lse, const long* lengths, long n_series, long n_head, long size,
             long window, Dropout dropout, long n_threads) {
    const long width = n_head * size;
    long n_rows = 0;
    for (long i = 0; i < n_series; i++) n_rows += lengths[i];
    return each_head<T>(lengths, n_series, n_head, size, window, dropout, n_threads,
                 [&](Head<T>& h, long row, long number) {
                     forward_head(h, qkv + row * 3 * width + number * size, 3 * width, width,
                                  y + row * width + number * size, width,
                                  lse + number * n_rows + row);
                 });
}

template <typename T>
bool backward(const T* qkv, const T* y, const T* lse, const T* dy, T* dqkv, const long* lengths,
              long n_series, long n_head, long size, long window, Dropout dropout, long n_threads) {
    const long width = n_head * size;
    long n_rows = 0;
    for (long i = 0; i < n_series; i++) n_rows += lengths[i];
    return each_head<T>(lengths, n_series, n_head, size, window, dropout, n_threads,
                 [&](Head<T>& h, long row, long number) {
                     const long at = row * width + number * size;
                     const long at_qkv = row * 3 * width + number * size;
                     backward_head(h, qkv + at_qkv, 3 * width, width, y + at, dy + at, width,
                                   lse + number * n_rows + row, dqkv + at_qkv);
                 });
}

// Run work(first row, last row, chunk) for all rows, on some threads.
template <typename Work>
bool each_chunk(long n_rows, long n_threads, Work work) {
    const long n_chunks = (n_rows + CHUNK - 1) / CHUNK;
    return on_threads(n_chunks, n_threads, [&](auto next) {
        for (long chunk; (chunk = next()) >= 0;)
            work(chunk * CHUNK, std::min(n_rows, (chunk + 1) * CHUNK), chunk);
    });
}

// y = norm(x + dropped a) * weight + bias, row by row; keeps `normal`, the normalised rows, and
// `rate`, one over their standard deviations.
template <typename T>
bool add_norm(const T* x, const T* a, const T* weight, const T* bias, T* y, T* normal, T* rate,
              long n_rows, long width, double epsilon, Dropout dropout, long n_threads) {
    return each_chunk(n_rows, n_threads, [&](long first, long last, long) {
        std::vector<T> working(width + Simd<T>::W);
        T* __restrict z = working.data();
        for (long r = first; r < last; r++) {
            const T* __restrict row = x + r * width;
            T* __restrict n = normal + r * width;
            T* __restrict to = y + r * width;
            std::copy(a + r * width, a + (r + 1) * width, z);
            if (dropout.dropped) drop(dropout, r, 0, width, z);
            for (long c = 0; c < width; c++) z[c] += row[c];
            const T mean = sum_of(z, width) / width;
            for (long c = 0; c < width; c++) z[c] -= mean;
            const T scale = T(1) / std::sqrt(product_of(z, z, width) / width + T(epsilon));
            for (long c = 0; c < width; c++) n[c] = z[c] * scale;
            for (long c = 0; c < width; c++) to[c] = n[c] * weight[c] + bias[c];
            rate[r] = scale;
        }
    });
}

// Gradients of add_norm; those of weight and bias, (chunks, 2, width), are still to be added up.
template <typename T>
bool add_norm_back(const T* dy, const T* normal, const T* rate, const T* weight, T* dx, T* da,
                   T* d_parameters, long n_rows, long width, Dropout dropout, long n_threads) {
    return each_chunk(n_rows, n_threads, [&](long first, long last, long chunk) {
        std::vector<T> working(width + Simd<T>::W);
        T* __restrict g = working.data();
        T* __restrict d_weight = d_parameters + chunk * 2 * width;
        T* __restrict d_bias = d_weight + width;
        std::fill(d_weight, d_weight + 2 * width, T(0));
        for (long r = first; r < last; r++) {
            const T* __restrict d = dy + r * width;
            const T* __restrict n = normal + r * width;
            for (long c = 0; c < width; c++) d_weight[c] += d[c] * n[c];
            for (long c = 0; c < width; c++) d_bias[c] += d[c];
            for (long c = 0; c < width; c++) g[c] = d[c] * weight[c];
            const T scale = rate[r];
            const T mean = sum_of(g, width) / width;
            const T along = product_of(g, n, width) / width;
            for (long c = 0; c < width; c++) g[c] = (g[c] - mean - n[c] * along) * scale;
            std::copy(g, g + width, dx + r * width);
            if (!dropout.dropped) continue;
            drop(dropout, r, 0, width, g);
            std::copy(g, g + width, da + r * width);
        }
    });
}

// y = dropped x, of which `relu` cuts what is below 0.
template <typename T>
bool drop_rows(const T* x, T* y, bool relu, long n_rows, long width, Dropout dropout,
               long n_threads) {
    return each_chunk(n_rows, n_threads, [&](long first, long last, long) {
        std::vector<T> z(width + Simd<T>::W);
        for (long r = first; r < last; r++) {
            for (long c = 0; c < width; c++) {
                const T value = x[r * width + c];
                z[c] = relu && value < 0 ? T(0) : value;
            }
            if (dropout.dropped) drop(dropout, r, 0, width, z.data());
            std::copy(z.begin(), z.begin() + width, y + r * width);
        }
    });
}

// Gradient of relu and dropout: dy times the factor where y, what came out, is above 0.
template <typename T>
bool relu_drop_back(const T* dy, const T* y, T* dx, long n_rows, long width, Dropout dropout,
                    long n_threads) {
    return each_chunk(n_rows, n_threads, [&](long first, long last, long) {
        const T factor = T(dropout.factor);
        const T* __restrict from = dy;
        const T* __restrict kept = y;
        T* __restrict to = dx;
        for (long i = first * width; i < last * width; i++)
            to[i] = kept[i] > 0 ? from[i] * factor : T(0);
    });
}

#define EXPORT(T, NAME)                                                                            \
    extern "C" bool attend_##NAME(const T* qkv, T* y, T* lse, const long* lengths, long n_series,  \
                                  long n_head, long size, long window, uint64_t seed,              \
                                  uint32_t dropped, double factor, long n_threads) {               \
        return forward<T>(qkv, y, lse, lengths, n_series, n_head, size, window,                    \
                   Dropout{seed, dropped, factor}, n_threads);                                     \
    }                                                                                              \
    extern "C" bool attend_back_##NAME(                                                            \
        const T* qkv, const T* y, const T* lse, const T* dy, T* dqkv, const long* lengths,         \
        long n_series, long n_head, long size, long window, uint64_t seed, uint32_t dropped,       \
        double factor, long n_threads) {                                                           \
        return backward<T>(qkv, y, lse, dy, dqkv, lengths, n_series, n_head, size, window,         \
                    Dropout{seed, dropped, factor}, n_threads);                                    \
    }                                                                                              \
    extern "C" bool add_norm_##NAME(const T* x, const T* a, const T* weight, const T* bias, T* y,  \
                                    T* normal, T* rate, long n_rows, long width, double epsilon,   \
                                    uint64_t seed, uint32_t dropped, double factor,                \
                                    long n_threads) {                                              \
        return add_norm<T>(x, a, weight, bias, y, normal, rate, n_rows, width, epsilon,            \
                    Dropout{seed, dropped, factor}, n_threads);                                    \
    }                                                                                              \
    extern "C" bool add_norm_back_##NAME(const T* dy, const T* normal, const T* rate,              \
                                         const T* weight, T* dx, T* da, T* d_parameters,           \
                                         long n_rows, long width, uint64_t seed,                   \
                                         uint32_t dropped, double factor, long n_threads) {        \
        return add_norm_back<T>(dy, normal, rate, weight, dx, da, d_parameters, n_rows, width,     \
                         Dropout{seed, dropped, factor}, n_threads);                               \
    }                                                                                              \
    extern "C" bool drop_rows_##NAME(const T* x, T* y, long relu, long n_rows, long width,         \
                                     uint64_t seed, uint32_t dropped, double factor,               \
                                     long n_threads) {                                             \
        return drop_rows<T>(x, y, relu != 0, n_rows, width,                                        \
                            Dropout{seed, dropped, factor}, n_threads);                            \
    }                                                                                              \
    extern "C" bool relu_drop_back_##NAME(const T* dy, const T* y, T* dx, long n_rows, long width, \
                                          uint64_t seed, uint32_t dropped, double factor,          \
                                          long n_threads) {                                        \
        return relu_drop_back<T>(dy, y, dx, n_rows, width,                                         \
                                 Dropout{seed, dropped, factor}, n_threads);                       \
    }
EXPORT(float, float32)
EXPORT(double, float64)
extern "C" long vector_bytes() { return VECTOR_BYTES; }
