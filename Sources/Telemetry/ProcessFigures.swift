import Glibc

/// The usual `process_*` metrics, from /proc/self.
struct ProcessFigures {
    var cpuSeconds = 0.0, startTime = 0.0
    var residentBytes = 0, virtualBytes = 0, openDescriptors = 0, maxDescriptors = 0

    static func current() -> ProcessFigures {
        var figures = ProcessFigures()
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // proc(5): the name in parentheses may hold blanks. The fields after it are numbered from 3.
        if let stat = read("/proc/self/stat"), let end = stat.lastIndex(of: ")") {
            let fields = stat[stat.index(end, offsetBy: 2)...].split(separator: " ")
            func field(_ number: Int) -> Double { number - 3 < fields.count ? Double(fields[number - 3]) ?? 0 : 0 }
            figures.cpuSeconds = (field(14) + field(15)) / ticks
            figures.virtualBytes = Int(field(23))
            figures.residentBytes = Int(field(24)) * sysconf(Int32(_SC_PAGESIZE))
            figures.startTime = bootTime() + field(22) / ticks
        }
        if let directory = opendir("/proc/self/fd") {
            while readdir(directory) != nil { figures.openDescriptors += 1 }
            closedir(directory)
            figures.openDescriptors -= 3  // `.`, `..` and the one that reads the directory
        }
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        figures.maxDescriptors = Int(clamping: limit.rlim_cur)
        return figures
    }

    private static func bootTime() -> Double {
        guard let stat = read("/proc/stat"), let line = stat.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }) else {
            return 0
        }
        return Double(line.dropFirst(6)) ?? 0
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        // Enough for the longest, /proc/stat of a machine with many cores.
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func append(to page: inout Exposition) {
        page.metric("process_cpu_seconds_total", "counter", "User and system time.", [([], "\(cpuSeconds)")])
        page.metric("process_resident_memory_bytes", "gauge", "Resident size.", [([], "\(residentBytes)")])
        page.metric("process_virtual_memory_bytes", "gauge", "Virtual size.", [([], "\(virtualBytes)")])
        page.metric("process_open_fds", "gauge", "Open descriptors.", [([], "\(openDescriptors)")])
        page.metric("process_max_fds", "gauge", "Limit of open descriptors.", [([], "\(maxDescriptors)")])
        page.metric("process_start_time_seconds", "gauge", "Since 1970.", [([], "\(startTime)")])
    }
}
